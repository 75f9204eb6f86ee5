"""Appointments as citizens use them: hold, book, move, cancel, look up, join the waiting list.

Invariants: a place is reserved under the lock of its slots, so two citizens never get the same place, however many ask
at once; an expired hold releases its places exactly once.
"""

import hmac
import json
from datetime import date, datetime, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Language
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import (
    OCCUPYING_STATES,
    SLOT,
    Appointment,
    AppointmentState,
    Citizen,
    arrive,
    bookable_times,
    cancel,
    confirm,
    duration,
    hold,
    mark_no_show,
    move,
    serve,
    slot_starts,
)
from scheduling.domain.bookable_service import service_of
from scheduling.domain.refusals import (
    APPOINTMENT_ENDED,
    FULL,
    IN_THE_PAST,
    NO_APPOINTMENT,
    NO_SLOT,
    NO_STAND,
    NOT_BOOKABLE,
    NOT_OFFERED,
    TOO_MANY_APPOINTMENTS,
    TOO_MANY_TRIES,
)
from scheduling.domain.stand import PUBLIC_STATES, Stand
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, demand, slot_statements, stands, waiting

BATCH_SIZE = 200
WAITING_BATCH = 20
MAX_TRIES, TRIES_WINDOW = 8, timedelta(minutes=15)
NO_HASH = bytes(32)


async def available_times(stand: Stand, service: str, uow: UnitOfWork, *, context: SchedulingContext) -> list[datetime]:
    """The times at which an appointment for a service can begin, in order."""
    free = (await slot_statements.free_places(uow, [stand.id])).get(stand.id, {})
    return bookable_times(free, _service_duration(service, context), after=uow.now)


async def hold_slot(
    id_: UUID,
    stand_id: StandId,
    service: str,
    at: datetime,
    uow: UnitOfWork,
    *,
    client_address: str,
    context: SchedulingContext,
) -> Appointment | Refusal:
    """Reserves a time. `id_`: made by the caller, so that a repeated request holds once.

    `client_address`: network address of the client, stored as a keyed hash.
    """
    known = await appointments.find_appointment(uow, id_)
    if known:
        same = (known.stand_id, known.starts_at, known.service) == (stand_id, at, service)
        return known if same else APPOINTMENT_ENDED
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.state not in PUBLIC_STATES:
        return NOT_BOOKABLE if stand else NO_STAND
    if service not in stand.details.services:
        return NOT_OFFERED
    if at <= uow.now:
        return IN_THE_PAST
    holder = context.cipher.keyed_hash(f"place:{client_address}".encode())
    if client_address and await appointments.count_holds(uow, holder) >= context.max_holds:
        return TOO_MANY_APPOINTMENTS
    length = _service_duration(service, context)
    held = hold(id_, stand_id, service, at=at, length=length, until=uow.now + context.hold)
    if refusal := await _reserve_slots(held, uow):
        return refusal
    await appointments.add_appointment(uow, held, holder=holder)
    return held


async def book(id_: UUID, citizen: Citizen, uow: UnitOfWork, *, context: SchedulingContext) -> Appointment | Refusal:
    """Books a held time."""
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return NO_APPOINTMENT
    stand = await stands.find_stand(uow, appointment.stand_id)
    if not stand:
        return NO_STAND
    outcome = confirm(appointment, citizen, place=stand.details.place, now=uow.now)
    if isinstance(outcome, Refusal):
        return outcome
    if (
        appointment.state is not AppointmentState.BOOKED
        and await appointments.count_open(uow, citizen.address_hash, except_id=id_) >= context.max_appointments
    ):
        return TOO_MANY_APPOINTMENTS
    return await _save(outcome, appointment, uow)


async def move_appointment(id_: UUID, stand_id: StandId, at: datetime, uow: UnitOfWork) -> Appointment | Refusal:
    """To another time, at the same or at another stand. The old place is kept until the new one is reserved."""
    before = await appointments.find_appointment(uow, id_)
    stand = await stands.find_stand(uow, stand_id)
    if not before or not stand:
        return NO_APPOINTMENT if not before else NO_STAND
    if stand.state not in PUBLIC_STATES:
        return NOT_BOOKABLE
    if before.service not in stand.details.services:
        return NOT_OFFERED
    wanted = [(stand_id, slot) for slot in slot_starts(at, at + (before.ends_at - before.starts_at))]
    occupied = _occupied_slots(before)
    free = await slot_statements.lock_slots(uow, [*wanted, *occupied])
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment or appointment.version != before.version:
        return APPOINTMENT_ENDED  # it changed in the meantime: the locked slots are not the ones it occupies
    outcome = move(appointment, stand_id=stand_id, at=at, place=stand.details.place, now=uow.now)
    if isinstance(outcome, Refusal) or outcome.state == appointment:
        return outcome if isinstance(outcome, Refusal) else appointment
    for slot_key in occupied:
        if slot_key in free:
            free[slot_key] += 1
    if any(slot_key not in free for slot_key in wanted):
        return NO_SLOT
    if any(free[slot_key] < 1 for slot_key in wanted):
        return FULL
    await slot_statements.change_booked(uow, occupied, -1)
    await slot_statements.change_booked(uow, wanted, 1)
    return await _save(outcome, appointment, uow)


async def cancel_appointment(id_: UUID, uow: UnitOfWork, *, by_citizen: bool) -> Appointment | Refusal:
    before = await appointments.find_appointment(uow, id_)
    if not before:
        return NO_APPOINTMENT
    occupied = _occupied_slots(before)
    await slot_statements.lock_slots(uow, occupied)
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment or appointment.version != before.version:
        return APPOINTMENT_ENDED
    if appointment.state is AppointmentState.CANCELLED:
        return appointment
    outcome = cancel(appointment, by_citizen=by_citizen, now=uow.now)
    if isinstance(outcome, Refusal):
        return outcome
    await slot_statements.change_booked(uow, occupied, -1)
    return await _save(outcome, appointment, uow)


async def mark_arrived(id_: UUID, uow: UnitOfWork) -> Appointment | Refusal:
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return NO_APPOINTMENT
    arrived = arrive(appointment, now=uow.now)
    if not isinstance(arrived, Refusal):
        await appointments.save_appointments(uow, [arrived])
    return arrived


async def record_attendance(id_: UUID, uow: UnitOfWork, *, attended: bool) -> Appointment | Refusal:
    """Ends an appointment as served, or as a no-show."""
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return NO_APPOINTMENT
    outcome = serve(appointment, now=uow.now) if attended else mark_no_show(appointment, now=uow.now)
    return outcome if isinstance(outcome, Refusal) else await _save(outcome, appointment, uow)


async def look_up(code: str, born: date, uow: UnitOfWork, *, context: SchedulingContext) -> Appointment | Refusal:
    """Finds an appointment by code and date of birth. Every mismatch gets the same answer.

    After MAX_TRIES wrong tries of a code within TRIES_WINDOW every further try is refused.
    """
    claimed = birth_date_hash(born, context)
    candidates = await appointments.by_code(uow, code, within=TRIES_WINDOW)
    if not candidates:
        hmac.compare_digest(NO_HASH, claimed)
    for appointment, tries in candidates:
        if tries > MAX_TRIES:
            return TOO_MANY_TRIES
        if hmac.compare_digest(appointment.birth_date_hash or NO_HASH, claimed):
            return appointment
    return NO_APPOINTMENT


async def join_waiting_list(
    id_: UUID, stand_id: StandId, service: str, citizen: Citizen, uow: UnitOfWork
) -> Refusal | None:
    """The next free place is booked for the citizen, who is notified. A new entry counts as unmet demand."""
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.state not in PUBLIC_STATES:
        return NOT_BOOKABLE if stand else NO_STAND
    if service not in stand.details.services:
        return NOT_OFFERED
    if await waiting.add_waiting(uow, id_, stand_id, service, citizen):
        district = stand.details.district
        await demand.add_wish(uow, day=uow.now.date(), district=district, service=service, source="searched")
    return None


async def release_holds(uow: UnitOfWork) -> int:
    """Releases the places of expired holds."""
    expired = await appointments.overdue_holds(uow, limit=BATCH_SIZE)
    slots = [(appointment.stand_id, slot) for appointment in expired for slot in appointment.slots]
    await slot_statements.lock_slots(uow, slots)
    for appointment in expired:
        if await appointments.drop_hold(uow, appointment.id):
            slots = [(appointment.stand_id, slot) for slot in appointment.slots]
            await slot_statements.change_booked(uow, slots, -1)
    return len(expired)


async def promote_waiting_list(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Books the first suitable time for the citizen who has waited longest."""
    await waiting.end_past_waiting(uow)
    for id_, stand_id, service, citizen in await waiting.first_waiting(uow, limit=WAITING_BATCH):
        stand = await stands.find_stand(uow, stand_id)
        times = await available_times(stand, service, uow, context=context) if stand else []
        if not stand or not times:
            continue
        length = _service_duration(service, context)
        held = hold(id_, stand_id, service, at=times[0], length=length, until=uow.now + SLOT)
        if await _reserve_slots(held, uow):
            return 0  # taken in the meantime; its slots are locked, so this transaction must lock no others
        outcome = confirm(held, citizen, place=stand.details.place, now=uow.now)
        if isinstance(outcome, Refusal):
            raise AssertionError(outcome.code)  # a time held in this very transaction can be confirmed
        await appointments.add_appointment(uow, outcome.state, holder=None)
        uow.emit(*outcome.events, version=outcome.state.version)
        await waiting.end_waiting(uow, id_, "booked")
        return 1  # one per transaction: the next one locks slots of its own, in order
    return 0


async def mark_no_shows(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Booked appointments of stands that are over become no-shows."""
    absent = await appointments.unserved_after(uow, grace=context.no_show_grace, limit=BATCH_SIZE)
    for id_ in absent:
        await record_attendance(id_, uow, attended=False)
    return len(absent)


async def anonymise(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Deletes contacts and hashes of past appointments. Returns 0: one run deletes everything that is due."""
    before = uow.now - context.contact_retention
    await appointments.delete_contacts(uow, before=before)
    await waiting.delete_contacts(uow, before=before)
    return 0


def encrypt_citizen(
    id_: UUID,
    *,
    phone: str | None,
    email: str | None,
    born: date,
    language: Language,
    consent: str,
    context: SchedulingContext,
) -> Citizen:
    """`id_`: of the appointment. `consent`: version of the accepted consent text; empty: no messages are sent."""
    contact = {"phone": phone, "email": email, "born": born.isoformat(), "consent": consent}
    plain = json.dumps({key: value for key, value in contact.items() if value}).encode()
    address = (phone or email or "").casefold()
    return Citizen(
        language,
        context.cipher.seal(id_, plain),
        context.cipher.keyed_hash(f"address:{address}".encode()),
        birth_date_hash(born, context),
    )


def birth_date_hash(born: date, context: SchedulingContext) -> bytes:
    return context.cipher.keyed_hash(f"born:{born.isoformat()}".encode())


def _service_duration(service: str, context: SchedulingContext) -> timedelta:
    return duration(service_of(context.services, service).minutes)


def _occupied_slots(appointment: Appointment) -> list[tuple[UUID, datetime]]:
    if appointment.state not in OCCUPYING_STATES:
        return []
    return [(appointment.stand_id, slot) for slot in appointment.slots]


async def _reserve_slots(appointment: Appointment, uow: UnitOfWork) -> Refusal | None:
    slots = [(appointment.stand_id, slot) for slot in appointment.slots]
    free = await slot_statements.lock_slots(uow, slots)
    if len(free) < len(slots):
        return NO_SLOT
    if min(free.values()) < 1:
        return FULL
    await slot_statements.change_booked(uow, slots, 1)
    return None


async def _save(outcome: Decision[Appointment], before: Appointment, uow: UnitOfWork) -> Appointment:
    if outcome.state != before:
        await appointments.save_appointments(uow, [outcome.state])
        if outcome.events:
            uow.emit(*outcome.events, version=outcome.state.version)
    return outcome.state
