"""Delivery receipts: stored as received before they are acknowledged, applied when their message is known.

Invariants: no receipt is lost: one without a matching message is tried again until the wait for receipts is over, one
that is not readable is stored and counted; a receipt that is applied twice changes nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId

from notifications.domain.delivery_receipt import DeliveryReceipt, outcome_of
from notifications.domain.notice import DropReason, NoReceipt, Notice, NoticeState
from notifications.domain.recipient import mobile_number
from notifications.handlers.context import NotificationContext
from notifications.handlers.decide_notices import (
    cancel_pending_notices,
    finish_notice,
    try_next_channel,
)
from notifications.store import citizens, notice_statements, notices, provider_statements, providers

BATCH_SIZE = 500
RETRY_DELAYS = (timedelta(seconds=2), timedelta(seconds=15), timedelta(minutes=2), timedelta(minutes=15))
RETRY_INTERVAL = timedelta(hours=1)  # after those delays
RAW_RECEIPT = "receipt.raw"  # each receipt has a key of its own

log = structlog.get_logger()


async def store_receipts(provider: str, bodies: Sequence[bytes], *, context: NotificationContext) -> None:
    """As received, encrypted, and committed: now the provider may forget them."""
    encrypted = []
    for body in bodies:
        receipt_id = context.database.environment.new_id()
        encrypted.append((receipt_id, context.cipher.seal_bytes(receipt_id, body, purpose=RAW_RECEIPT)))
    await provider_statements.store_raw_receipts(context.database, provider, encrypted)


async def apply_pending_receipts(uow: UnitOfWork, *, context: NotificationContext) -> int:
    """Applies one batch in the order of arrival, with a constant number of statements. 0: none is left."""
    due = await provider_statements.lock_due_receipts(uow, limit=BATCH_SIZE)
    if not due:
        return 0
    parsed = [(row, _parse(row, context)) for row in due]
    reported = [(row["provider"], receipt) for row, receipts in parsed for receipt in receipts or ()]
    matches = await _match_notices(reported, uow, context)
    current = await notice_statements.lock_notices(uow, {notice_id for notice_id in matches if notice_id})
    await _apply(reported, matches, current, uow, context)
    unread_matches = iter(matches)
    processed = []
    for row, receipts in parsed:
        matched = [(receipt, next(unread_matches)) for receipt in receipts or ()]
        missing = sum(not receipt.opt_out and notice_id not in current for receipt, notice_id in matched)
        next_attempt = _next_attempt(row["received_at"], uow, context) if missing else None
        if receipts is None:
            state = "unreadable"
        elif not missing:
            state = "applied"
        else:
            state = "waiting" if next_attempt else "unmatched"
        processed.append((row["receipt_id"], state, len(matched) - missing, next_attempt))
    provider_statements.save_receipt_states(uow, processed)
    return len(due) if len(due) == BATCH_SIZE else 0


async def expire_receipt_waits(uow: UnitOfWork, *, context: NotificationContext) -> int:
    """Ends notices whose provider sends receipts and sent none in time, and raises a task for staff."""
    reporting = [name for name, provider in context.providers.items() if provider.receipt_parser]
    wait = context.retention.receipt_wait
    waiting = await notices.lock_without_receipt(uow, reporting, wait, limit=BATCH_SIZE)
    changed = []
    for notice in waiting:
        if after := finish_notice(notice, NoReceipt(), uow):
            changed.append(after)
    if changed:
        await notice_statements.save_notices(uow, changed)
        await providers.add_tasks(uow, [(notice, "no_receipt") for notice in changed])
    return len(waiting) if len(waiting) == BATCH_SIZE else 0


async def opt_out(address_hashes: Sequence[bytes], uow: UnitOfWork, *, by: str) -> int:
    """Withdraws the consents and drops pending notices. The citizen's cases go on. Returns the consents withdrawn."""
    withdrawn = await citizens.withdraw_consents(uow, address_hashes, by=by)
    await cancel_pending_notices({}, DropReason.NO_CONSENT, uow, address_hashes=address_hashes)
    return withdrawn


def _parse(row: Any, context: NotificationContext) -> Sequence[DeliveryReceipt] | None:
    """None if the receipt is not readable; it stays stored."""
    provider, raw = context.providers.get(row["provider"]), row["raw"]
    try:
        if provider is None or provider.receipt_parser is None or raw is None:
            raise ValueError("no parser for this receipt")
        body = context.cipher.open_bytes(row["receipt_id"], raw, purpose=RAW_RECEIPT)
        return provider.receipt_parser.parse_receipts(body)
    except Exception as error:  # adapters come from other teams: one bad receipt must not delay the others
        log.warning("receipt.unreadable", receipt_id=str(row["receipt_id"]), error=type(error).__name__)
        return None


async def _match_notices(
    reported: Sequence[tuple[str, DeliveryReceipt]], uow: UnitOfWork, context: NotificationContext
) -> list[NoticeId | None]:
    """The notice of each receipt: by our id, by the provider's reference, or by number and short reference."""
    references = {
        (name, receipt.provider_ref) for name, receipt in reported if receipt.provider_ref and not receipt.notice_id
    }
    by_reference = await notice_statements.find_by_references(uow, references) if references else {}
    matches: list[NoticeId | None] = []
    for name, receipt in reported:
        match = NoticeId(receipt.notice_id) if receipt.notice_id else by_reference.get((name, receipt.provider_ref))
        if not match and receipt.short_ref and isinstance(number := mobile_number(receipt.number), str):
            address_hash = context.address_hash(Channel.SMS, number)
            match = await notice_statements.find_by_number(uow, name, address_hash, receipt.short_ref)
        matches.append(match)
    return matches


async def _apply(
    reported: Sequence[tuple[str, DeliveryReceipt]],
    matches: Sequence[NoticeId | None],
    current: dict[NoticeId, Notice],
    uow: UnitOfWork,
    context: NotificationContext,
) -> None:
    """In order; a notice with several receipts is saved once, in its state after the last one."""
    changed: dict[NoticeId, Notice] = {}
    opted_out: list[bytes] = []
    for (name, receipt), notice_id in zip(reported, matches, strict=True):
        if receipt.opt_out and isinstance(number := mobile_number(receipt.number), str):
            opted_out.append(context.address_hash(Channel.SMS, number))
        notice = current.get(notice_id) if notice_id else None
        outcome = outcome_of(receipt, name) if notice else None
        after = finish_notice(notice, outcome, uow) if notice and outcome else None
        if after:
            current[after.id] = changed[after.id] = after
    notice_statements.save_notices_later(uow, list(changed.values()))
    failed = [(notice, current_trace()) for notice in changed.values() if notice.state is NoticeState.FAILED]
    if failed or opted_out:
        await uow.flush()
    if failed:
        await try_next_channel(failed, uow, context)
    if opted_out:
        await opt_out(opted_out, uow, by="sms")


def _next_attempt(received_at: Any, uow: UnitOfWork, context: NotificationContext) -> Any:
    """When the receipt is matched again; None after the wait for receipts is over."""
    age = uow.now - received_at
    if age > context.retention.receipt_wait:
        return None
    return uow.now + next((delay for delay in RETRY_DELAYS if age < delay), RETRY_INTERVAL)
