"""The waiting list of fully booked stands: join it, and book free times for those who wait.

Invariants: one time is booked per transaction, so that slots are locked in order.
"""

from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import SLOT, Citizen, confirm, hold
from scheduling.domain.demand.wishes import WishSource
from scheduling.domain.refusals import NOT_OFFERED
from scheduling.domain.stand import Stand
from scheduling.domain.waiting_list import WaitingEntry
from scheduling.handlers import booking_limits
from scheduling.handlers.appointments import available_times, bookable_stand, reserve_slots, service_duration
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, demand, stands, waiting

WAITING_BATCH = 20
PASSED_OVER = timedelta(minutes=10)


async def join_waiting_list(
    id_: UUID,
    stand_id: StandId,
    service: str,
    citizen: Citizen,
    uow: UnitOfWork,
    *,
    network: str,
    context: SchedulingContext,
) -> Refusal | None:
    """The next free place is booked for the citizen, who is notified. A new entry counts as unmet demand."""
    stand = await bookable_stand(stand_id, uow)
    if isinstance(stand, Refusal):
        return stand
    if service not in stand.details.services:
        return NOT_OFFERED
    if refusal := await booking_limits.check_wish(stand_id, service, citizen, uow, network=network, context=context):
        return refusal
    holder = booking_limits.holder_of(network, context)
    await waiting.add_waiting(uow, WaitingEntry(id_, stand_id, service, citizen, holder))
    district = stand.details.district
    await demand.add_wish(uow, day=uow.now.date(), district=district, service=service, source=WishSource.SEARCHED)
    return None


async def promote_waiting_list(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Books the first suitable time for the citizen who has waited longest and keeps to the limits of bookings."""
    await waiting.end_past_waiting(uow)
    await waiting.end_waiting_of_booked(uow)
    entries = await waiting.first_waiting(uow, limit=WAITING_BATCH)
    suitable = [(entry, stand, at) for entry in entries for stand, at in await _first_time(entry, uow, context)]
    counted = await booking_limits.count_waiting([entry for entry, _, _ in suitable], uow, context=context)
    for (entry, stand, at), uses in zip(suitable, counted, strict=True):
        length = service_duration(entry.service, context)
        if await booking_limits.may_book_waiting(entry, uses, length // SLOT, uow, context=context):
            # one per transaction: the next one locks slots of its own, in order
            return await _book(entry, stand, at, uses, uow, context)
    if len(entries) == WAITING_BATCH:  # those behind them must get their turn
        await waiting.pass_over(uow, [entry.id for entry in entries], until=uow.now + PASSED_OVER)
    return 0


async def _first_time(entry: WaitingEntry, uow: UnitOfWork, context: SchedulingContext) -> list[tuple[Stand, datetime]]:
    """Of the stand, for the service of the entry. Empty: no time is long enough."""
    stand = await stands.find_stand(uow, entry.stand_id)
    times = await available_times(stand, entry.service, uow, context=context) if stand else []
    return [(stand, times[0])] if stand and times else []


async def _book(
    entry: WaitingEntry,
    stand: Stand,
    at: datetime,
    uses: booking_limits.UnconfirmedUses,
    uow: UnitOfWork,
    context: SchedulingContext,
) -> int:
    """0: the time was taken in the meantime; its slots are locked, so this transaction must lock no others."""
    length = service_duration(entry.service, context)
    held = hold(entry.id, stand.id, entry.service, at=at, length=length, until=uow.now + SLOT)
    if await reserve_slots(held, uow):
        return 0
    outcome = confirm(held, entry.citizen, place=stand.details.place, now=uow.now)
    if isinstance(outcome, Refusal):
        raise AssertionError(outcome.code)  # a time held in this very transaction can be confirmed
    await appointments.add_appointment(uow, outcome.state, holder=entry.holder)
    await booking_limits.count_booked(uses, uow)
    uow.emit(*outcome.events, version=outcome.state.version)
    await waiting.end_waiting(uow, entry.id, "booked")
    return 1
