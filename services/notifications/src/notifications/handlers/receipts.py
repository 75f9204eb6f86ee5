"""What providers say later of messages: kept raw before it is answered, applied when the message is known.

Kept true: a receipt is never lost: one that cannot be matched yet is looked at again until nobody can wait any more,
one that cannot be read is kept and counted; applied twice it changes nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId

from notifications.domain.notice import Failed, Notice, State, Unconfirmed, Why, end_notice
from notifications.domain.receipt import Receipt, end_of
from notifications.domain.recipient import mobile_number
from notifications.handlers.deciding import drop_unended, fall_back
from notifications.handlers.ground import Ground
from notifications.store import notices, people, providers

AT_ONCE = 500
AGAIN_AFTER = (timedelta(seconds=2), timedelta(seconds=15), timedelta(minutes=2), timedelta(minutes=15))
THEN_EVERY = timedelta(hours=1)

log = structlog.get_logger()


async def keep_receipts(provider: str, bodies: Sequence[bytes], work: Work, *, ground: Ground) -> None:
    """As they came, sealed; whoever sent them may forget them once this is committed."""
    sealed = []
    for body in bodies:
        receipt_id = work.new_id()
        sealed.append((receipt_id, ground.sealer.seal_bytes(receipt_id, body)))
    await providers.keep_receipts(work, provider, sealed)


async def apply_due(work: Work, *, ground: Ground) -> int:
    """A bounded share of what is due."""
    due = await providers.lock_due_receipts(work, limit=AT_ONCE)
    ended = []
    for row in due:
        line, raw = ground.lines.get(row["provider"]), row["raw"]
        teller = line.teller if line else None
        try:
            if teller is None or raw is None:
                raise ValueError("nobody reads it")
            told = teller.read_receipts(ground.sealer.open_bytes(row["receipt_id"], raw))
        except ValueError as error:
            log.warning("receipt.unreadable", receipt_id=str(row["receipt_id"]), error=type(error).__name__)
            ended.append((row["receipt_id"], "unreadable", 0, None))
            continue
        applied, missing = 0, 0
        for receipt in told:
            known = await _apply(receipt, row["provider"], work, ground)
            applied += known
            missing += not known
        again = _again(row["received_at"], work, ground) if missing else None
        state = "applied" if not missing else "waiting" if again else "unmatched"
        ended.append((row["receipt_id"], state, applied, again))
    if ended:
        await providers.end_receipts(work, ended)
    return len(due) if len(due) == AT_ONCE else 0


async def end_unconfirmed(work: Work, *, ground: Ground) -> int:
    """Sent or unknown, and the provider that tells such things has told nothing for so long."""
    telling = [name for name, line in ground.lines.items() if line.teller]
    wait = ground.retention.receipt_wait
    waiting = await notices.lock_unconfirmed(work, telling, wait, limit=AT_ONCE)
    changed = []
    for notice in waiting:
        if done := end_notice(notice, Unconfirmed(), now=work.now):
            work.emit(done[1], version=done[0].version)
            changed.append(done[0])
    if changed:
        await notices.save_notices(work, changed)
        await providers.add_tasks(work, [(one, "no_receipt") for one in changed])
    return len(waiting) if len(waiting) == AT_ONCE else 0


async def stop_person(persons: Sequence[bytes], work: Work, *, by: str) -> int:
    """Consent is withdrawn: what waits is dropped, and nothing more is sent. No service depends on it."""
    taken_back = await people.withdraw_consents(work, persons, by=by)
    await drop_unended((), Why.NO_CONSENT, work, persons=persons)
    return taken_back


async def _apply(receipt: Receipt, provider: str, work: Work, ground: Ground) -> bool:
    """False when no message of ours is known by it, yet."""
    if receipt.stop:
        number = mobile_number(receipt.number)
        if isinstance(number, str):
            await stop_person([ground.person(Channel.SMS, number)], work, by="sms")
        return True
    notice_id = await _which(receipt, provider, work, ground)
    found = await notices.lock_notices(work, [notice_id]) if notice_id else {}
    notice = found.get(NoticeId(notice_id)) if notice_id else None
    if not notice:
        return False
    await _say(receipt, notice, provider, work, ground)
    return True


async def _which(receipt: Receipt, provider: str, work: Work, ground: Ground) -> UUID | None:
    if receipt.notice_id:
        return receipt.notice_id
    if receipt.provider_ref and (found := await notices.find_by_reference(work, provider, receipt.provider_ref)):
        return found
    if not receipt.short_ref or not isinstance(number := mobile_number(receipt.number), str):
        return None
    person = ground.person(Channel.SMS, number)
    return await notices.find_by_number(work, provider, person, receipt.short_ref)


async def _say(receipt: Receipt, notice: Notice, provider: str, work: Work, ground: Ground) -> None:
    end = end_of(receipt, notice, provider)
    done = end_notice(notice, end, now=work.now) if end else None
    if not done:
        return
    after, event = done
    work.emit(event, version=after.version)
    await notices.save_notices(work, [after])
    if isinstance(end, Failed) and after.state is State.FAILED:
        await fall_back([(after, {})], work, ground)


def _again(received_at: Any, work: Work, ground: Ground) -> Any:
    """When it is looked at next; None when nobody will ever know it."""
    age = work.now - received_at
    if age > ground.retention.receipt_wait:
        return None
    return work.now + next((wait for wait in AGAIN_AFTER if age < wait), THEN_EVERY)
