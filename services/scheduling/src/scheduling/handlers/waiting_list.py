"""The waiting list of fully booked stands: join it, and book free times for those who wait.

Invariants: one time is booked per transaction, so that slots are locked in order.
"""

from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import SLOT, Citizen, confirm, hold
from scheduling.domain.demand.wishes import WishSource
from scheduling.domain.refusals import NOT_OFFERED
from scheduling.handlers import booking_limits
from scheduling.handlers.appointments import available_times, bookable_stand, reserve_slots, service_duration
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, demand, stands, waiting

WAITING_BATCH = 20


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
    is_new = await booking_limits.check_wish(stand_id, service, citizen, uow, network=network, context=context)
    if isinstance(is_new, Refusal):
        return is_new
    if is_new:
        await waiting.add_waiting(uow, id_, stand_id, service, citizen)
        district = stand.details.district
        await demand.add_wish(uow, day=uow.now.date(), district=district, service=service, source=WishSource.SEARCHED)
    return None


async def promote_waiting_list(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Books the first suitable time for the citizen who has waited longest."""
    await waiting.end_past_waiting(uow)
    for id_, stand_id, service, citizen in await waiting.first_waiting(uow, limit=WAITING_BATCH):
        stand = await stands.find_stand(uow, stand_id)
        times = await available_times(stand, service, uow, context=context) if stand else []
        if not stand or not times:
            continue
        if await appointments.count_open(uow, citizen.address_hash):
            await waiting.end_waiting(uow, id_, "other")  # nobody confirmed that the contact may have two
            continue
        length = service_duration(service, context)
        held = hold(id_, stand_id, service, at=times[0], length=length, until=uow.now + SLOT)
        if await reserve_slots(held, uow):
            return 0  # taken in the meantime; its slots are locked, so this transaction must lock no others
        outcome = confirm(held, citizen, place=stand.details.place, now=uow.now)
        if isinstance(outcome, Refusal):
            raise AssertionError(outcome.code)  # a time held in this very transaction can be confirmed
        await appointments.add_appointment(uow, outcome.state, holder=None)
        uow.emit(*outcome.events, version=outcome.state.version)
        await waiting.end_waiting(uow, id_, "booked")
        return 1  # one per transaction: the next one locks slots of its own, in order
    return 0
