"""The queue at a stand: tickets, calling, ending.

Kept true: one number is called at one desk: whoever calls holds the stand's row while choosing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.offer import offer_of
from scheduling.domain.queue import TicketState, Waiting, Way, in_order, waits
from scheduling.domain.refusals import NO_STAND, NO_TICKET, NOBODY_WAITS, NOT_CALLED, TICKET_EXISTS
from scheduling.domain.stand import Stand
from scheduling.handlers.appointments import end_appointment
from scheduling.handlers.ground import Ground
from scheduling.store import queue, stands

AHEAD = timedelta(hours=3)  # appointments that far off count into the estimate


@dataclass(frozen=True, slots=True)
class Room:
    """Everybody at a stand: `next` in order, `called` at a desk, how long each waits."""

    stand: Stand
    next: list[Waiting]
    called: list[Waiting]
    waits: dict[UUID, timedelta]


async def take_ticket(
    id_: UUID, stand_id: StandId, work: Work, *, label: str, service: str, issued_at: datetime
) -> Refusal | None:
    """Given out by a device, maybe long ago and without network. The same ticket twice is one."""
    if not await stands.find_stand(work, stand_id):
        return NO_STAND
    if await queue.add_ticket(work, id_, stand_id, label=label, service=service, issued_at=min(issued_at, work.now)):
        return None
    known = await queue.find_ticket(work, id_)
    same = known and (known["stand_id"], known["label"]) == (stand_id, label)
    return None if same else TICKET_EXISTS


async def room(stand_id: StandId, work: Work, *, ground: Ground) -> Room | Refusal:
    stand = await stands.find_stand(work, stand_id)
    return await _room(stand, work, ground) if stand else NO_STAND


async def call_next(stand_id: StandId, work: Work, *, desk: str, ground: Ground) -> Waiting | Refusal:
    stand = await stands.lock_stand(work, stand_id)
    if not stand:
        return NO_STAND
    there = await _room(stand, work, ground)
    if not there.next:
        return NOBODY_WAITS
    chosen = there.next[0]
    await queue.call(work, chosen.way, chosen.id, desk=desk)
    return chosen


async def end_turn(stand_id: StandId, id_: UUID, way: Way, how: TicketState, work: Work) -> Refusal | None:
    """`how`: served, missed, or waiting: back into the queue at the old place."""
    if way is Way.TICKET:
        if await queue.end_ticket(work, id_, stand_id, how):
            return None
        return NOT_CALLED if await queue.find_ticket(work, id_) else NO_TICKET
    await queue.uncall_appointment(work, id_)
    if how is TicketState.WAITING:
        return None
    ended = await end_appointment(id_, work, came=how is TicketState.SERVED)
    return ended if isinstance(ended, Refusal) else None


async def _room(stand: Stand, work: Work, ground: Ground) -> Room:
    rows = await queue.present(work, stand.id, until=work.now + AHEAD)
    those = [
        Waiting(
            row["id"],
            Way(row["way"]),
            row["label"],
            row["service"],
            offer_of(ground.offers, row["service"]).minutes,
            row["since"],
            row["begins"],
            row["called_at"],
            row["desk"],
        )
        for row in rows
    ]
    called = sorted((one for one in those if one.called_at), key=lambda one: one.label)
    return Room(stand, in_order(those), called, waits(those, stand.plan.desks, now=work.now))
