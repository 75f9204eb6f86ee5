"""What providers say later of messages: kept raw before it is answered, applied when the message is known.

Kept true: a receipt is never lost: one that cannot be matched yet is looked at again until nobody can wait any more,
one that cannot be read is kept and counted; applied twice it changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId

from notifications.domain.notice import Notice, State, Unconfirmed, Why
from notifications.domain.receipt import Receipt, end_of
from notifications.domain.recipient import mobile_number
from notifications.handlers.deciding import Trace, drop_unended, end, fall_back
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
    """A bounded share of what is due, in the order it came; in a few statements however many there are."""
    due = await providers.lock_due_receipts(work, limit=AT_ONCE)
    if not due:
        return 0
    read = [(row, _read(row, ground)) for row in due]
    told = [(row["provider"], one) for row, receipts in read for one in receipts or ()]
    which = await _which(told, work, ground)
    found = await notices.lock_notices(work, {one for one in which.values() if one})
    await _apply(told, which, found, work, ground)
    ended = []
    for row, receipts in read:
        missing = [one for one in receipts or () if not one.stop and which.get(id(one)) not in found]
        applied = len(receipts or ()) - len(missing)
        again = _again(row["received_at"], work, ground) if missing else None
        state = "unreadable" if receipts is None else "applied" if not missing else "waiting" if again else "unmatched"
        ended.append((row["receipt_id"], state, applied, again))
    await providers.end_receipts(work, ended)
    return len(due) if len(due) == AT_ONCE else 0


async def end_unconfirmed(work: Work, *, ground: Ground) -> int:
    """Sent or unknown, and the provider that tells such things has told nothing for so long."""
    telling = [name for name, line in ground.lines.items() if line.teller]
    wait = ground.retention.receipt_wait
    waiting = await notices.lock_unconfirmed(work, telling, wait, limit=AT_ONCE)
    changed = []
    for notice in waiting:
        if after := end(notice, Unconfirmed(), work):
            changed.append(after)
    if changed:
        await notices.save_notices(work, changed)
        await providers.add_tasks(work, [(one, "no_receipt") for one in changed])
    return len(waiting) if len(waiting) == AT_ONCE else 0


async def stop_person(persons: Sequence[bytes], work: Work, *, by: str) -> int:
    """Consent is withdrawn: what waits is dropped, and nothing more is sent. No service depends on it."""
    taken_back = await people.withdraw_consents(work, persons, by=by)
    await drop_unended((), Why.NO_CONSENT, work, persons=persons)
    return taken_back


def _read(row: Any, ground: Ground) -> Sequence[Receipt] | None:
    """None: nobody can read it. It is kept."""
    line, raw = ground.lines.get(row["provider"]), row["raw"]
    try:
        if line is None or line.teller is None or raw is None:
            raise ValueError("nobody reads it")
        return line.teller.read_receipts(ground.sealer.open_bytes(row["receipt_id"], raw))
    except Exception as error:  # an adapter is written elsewhere: what it cannot read must not hold up the others
        log.warning("receipt.unreadable", receipt_id=str(row["receipt_id"]), error=type(error).__name__)
        return None


async def _which(told: Sequence[tuple[str, Receipt]], work: Work, ground: Ground) -> dict[int, NoticeId | None]:
    """Of each receipt its notice: by our id, by the provider's, or by the number with our short reference."""
    theirs = {(name, one.provider_ref) for name, one in told if one.provider_ref and not one.notice_id}
    by_reference = await notices.find_by_references(work, theirs) if theirs else {}
    which: dict[int, NoticeId | None] = {}
    for name, one in told:
        which[id(one)] = NoticeId(one.notice_id) if one.notice_id else by_reference.get((name, one.provider_ref))
        if which[id(one)] or not one.short_ref or not isinstance(number := mobile_number(one.number), str):
            continue
        person = ground.person(Channel.SMS, number)
        which[id(one)] = await notices.find_by_number(work, name, person, one.short_ref)
    return which


async def _apply(
    told: Sequence[tuple[str, Receipt]],
    which: Mapping[int, NoticeId | None],
    found: dict[NoticeId, Notice],
    work: Work,
    ground: Ground,
) -> None:
    """In order; a notice that several are about is saved once, as it is after the last."""
    changed: dict[NoticeId, Notice] = {}
    stopped: list[bytes] = []
    for name, one in told:
        if one.stop and isinstance(number := mobile_number(one.number), str):
            stopped.append(ground.person(Channel.SMS, number))
        notice_id = which.get(id(one))
        notice = found.get(notice_id) if notice_id else None
        how = end_of(one, notice, name) if notice else None
        after = end(notice, how, work) if notice and how else None
        if after:
            found[after.id] = changed[after.id] = after
    if changed:
        await notices.save_notices(work, list(changed.values()))
    lost: list[tuple[Notice, Trace]] = [(one, {}) for one in changed.values() if one.state is State.FAILED]
    if lost:
        await fall_back(lost, work, ground)
    if stopped:
        await stop_person(stopped, work, by="sms")


def _again(received_at: Any, work: Work, ground: Ground) -> Any:
    """When it is looked at next; None when nobody will ever know it."""
    age = work.now - received_at
    if age > ground.retention.receipt_wait:
        return None
    return work.now + next((wait for wait in AGAIN_AFTER if age < wait), THEN_EVERY)
