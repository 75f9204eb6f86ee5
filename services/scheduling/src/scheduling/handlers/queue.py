"""The queue at a stand: tickets, calling the next citizen, ending an entry.

Invariants: a number is called at one desk only, because calling locks the stand's row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import is_of_later_day
from scheduling.domain.bookable_service import service_of
from scheduling.domain.queue import QueueEntry, QueueEntryKind, TicketState, estimated_waits, ordered
from scheduling.domain.refusals import NO_STAND, NO_TICKET, NOT_CALLED, QUEUE_EMPTY, TICKET_EXISTS
from scheduling.domain.stand import Stand
from scheduling.handlers.appointments import record_attendance
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, queue, queue_statements, stands

LOOK_AHEAD = timedelta(hours=3)  # appointments up to this far ahead count into the estimate


@dataclass(frozen=True, slots=True)
class QueueState:
    """Everybody at a stand: `next` in the order of calling, `called` at a desk, `waits` by entry."""

    stand: Stand
    next: list[QueueEntry]
    called: list[QueueEntry]
    waits: dict[UUID, timedelta]


async def record_ticket(
    id_: UUID, stand_id: StandId, uow: UnitOfWork, *, label: str, service: str, issued_at: datetime
) -> Refusal | None:
    """Records a ticket that a device issued, perhaps long ago and offline. The same ticket twice is one ticket."""
    if not await stands.find_stand(uow, stand_id):
        return NO_STAND
    if await queue.add_ticket(uow, id_, stand_id, label=label, service=service, issued_at=min(issued_at, uow.now)):
        return None
    known = await queue.find_ticket(uow, id_)
    if not known:
        return TICKET_EXISTS
    outcome = repeated(known, first=known, now=(stand_id, label, service))
    return outcome if isinstance(outcome, Refusal) else None


async def queue_state(stand_id: StandId, uow: UnitOfWork, *, context: SchedulingContext) -> QueueState | Refusal:
    stand = await stands.find_stand(uow, stand_id)
    return await _queue_state(stand, uow, context) if stand else NO_STAND


async def call_next(
    stand_id: StandId, uow: UnitOfWork, *, desk: str, context: SchedulingContext
) -> QueueEntry | Refusal:
    stand = await stands.lock_stand(uow, stand_id)
    if not stand:
        return NO_STAND
    state = await _queue_state(stand, uow, context)
    if not state.next:
        return QUEUE_EMPTY
    entry = state.next[0]
    await queue.call(uow, entry.kind, entry.id, desk=desk)
    return entry


async def end_entry(
    stand_id: StandId,
    id_: UUID,
    kind: QueueEntryKind,
    outcome: TicketState,
    uow: UnitOfWork,
    *,
    context: SchedulingContext,
) -> Refusal | None:
    """`outcome`: served, no-show, or waiting: back into the queue at the old place. An appointment that nobody called
    ends if it is not of a later day: devices also report what happened offline."""
    if kind is QueueEntryKind.TICKET:
        if await queue.end_ticket(uow, id_, stand_id, outcome):
            return None
        return NOT_CALLED if await queue.find_ticket(uow, id_) else NO_TICKET
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment or appointment.stand_id != stand_id:
        return NO_TICKET
    was_called = await queue.uncall_appointment(uow, id_)
    if not was_called and is_of_later_day(appointment, at=uow.now, zone=context.zone):
        return NOT_CALLED
    if outcome is TicketState.WAITING:
        return None
    ended = await record_attendance(id_, uow, attended=outcome is TicketState.SERVED)
    return ended if isinstance(ended, Refusal) else None


async def _queue_state(stand: Stand, uow: UnitOfWork, context: SchedulingContext) -> QueueState:
    entries = await queue_statements.present(
        uow,
        stand.id,
        until=uow.now + LOOK_AHEAD,
        minutes_of=lambda service: service_of(context.services, service).minutes,
    )
    called = sorted((entry for entry in entries if entry.called_at), key=lambda entry: entry.label)
    waits = estimated_waits(entries, stand.details.desks, now=uow.now)
    return QueueState(stand, ordered(entries), called, waits)
