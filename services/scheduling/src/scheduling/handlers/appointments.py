"""Appointments as citizens use them: hold, book, move, cancel, look up. `waiting_list` has those of the waiting list.

Invariants: the server makes the id of every appointment, so that nobody chooses that of something else; a place is
reserved under the lock of its slots, so two citizens never get the same place, however many ask
at once.
"""

import hmac
import json
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from wanderamt.backbone.persistence.code_lookups import begin_lookup
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CaseOpened, Language
from wanderamt.kernel.caller_ids import repeated
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
    is_of_later_day,
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
    OF_LATER_DAY,
    TOO_MANY_TRIES,
)
from scheduling.domain.stand import PUBLIC_STATES, Stand
from scheduling.handlers import booking_limits, move_limit
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, slot_statements, stands

NO_HASH = bytes(32)

log = structlog.get_logger()


async def available_times(stand: Stand, service: str, uow: UnitOfWork, *, context: SchedulingContext) -> list[datetime]:
    """The times at which an appointment for a service can begin, in order."""
    free = (await slot_statements.free_places(uow, [stand.id])).get(stand.id, {})
    return bookable_times(free, service_duration(service, context), after=uow.now)


async def id_of_hold(request_id: UUID | None, uow: UnitOfWork, *, network: str, context: SchedulingContext) -> UUID:
    """The id of a new hold. The same `request_id` from the same network address gets the same id, which nobody can
    foresee: an id that the caller chose could be that of a case, and then confuse whoever reads both."""
    if not request_id:
        return uow.new_id()
    await uow.lock_id("hold", request_id)
    digest = context.cipher.keyed_hash(f"hold:{request_id.hex}:{network}".encode())
    number = int.from_bytes(digest[:16]) & ~(0xF << 76 | 0x3 << 62)
    return UUID(int=number | 8 << 76 | 2 << 62)  # version 8 of RFC 9562: bits of our own


async def hold_slot(
    id_: UUID,
    stand_id: StandId,
    service: str,
    at: datetime,
    uow: UnitOfWork,
    *,
    network: str,
    context: SchedulingContext,
) -> Appointment | Refusal:
    """Reserves a time. `id_`: of `id_of_hold`; a repeated request holds once.

    `network`: of the client, as `client_network` returns it; stored as a keyed hash.
    """
    known = await appointments.find_appointment(uow, id_)
    if known:
        first = known.stand_id, known.starts_at, known.service, known.state
        return repeated(known, first=first, now=(stand_id, at, service, AppointmentState.HELD))
    stand = await bookable_stand(stand_id, uow)
    if isinstance(stand, Refusal):
        return stand
    if service not in stand.details.services:
        return NOT_OFFERED
    if at <= uow.now:
        return IN_THE_PAST
    length = service_duration(service, context)
    if refusal := await booking_limits.check_hold(stand_id, length // SLOT, uow, network=network, context=context):
        return refusal
    held = hold(id_, stand_id, service, at=at, length=length, until=uow.now + context.hold)
    if refusal := await reserve_slots(held, uow):
        return refusal
    await booking_limits.count_hold(uow, network=network, context=context)
    await appointments.add_appointment(uow, held, holder=booking_limits.holder_of(network, context))
    return held


async def book(
    id_: UUID, citizen: Citizen, uow: UnitOfWork, *, network: str, contact_code: str = "", context: SchedulingContext
) -> Appointment | Refusal:
    """Books a held time. Commit also after a refusal: the tries of a wrong code must last.

    `contact_code`: as the citizen entered it; needed for more than one appointment (`booking_limits`).
    """
    uses = await booking_limits.count_unconfirmed(citizen, uow, network=network, context=context)
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return NO_APPOINTMENT
    stand = await stands.find_stand(uow, appointment.stand_id)
    if not stand:
        return NO_STAND
    outcome = confirm(
        appointment,
        citizen,
        place=stand.details.place,
        now=uow.now,
        by_code=bool(contact_code),  # a wrong one is refused below
    )
    if isinstance(outcome, Refusal) or appointment.state is AppointmentState.BOOKED:
        return outcome if isinstance(outcome, Refusal) else appointment
    if refusal := await booking_limits.check_booking(
        appointment, citizen, uses, uow, network=network, contact_code=contact_code, context=context
    ):
        return refusal
    return await _save(outcome, appointment, uow)


async def move_appointment(
    id_: UUID, stand_id: StandId, at: datetime, uow: UnitOfWork, *, context: SchedulingContext
) -> Appointment | Refusal:
    """To another time, at the same or at another stand. The old place is kept until the new one is reserved."""
    before = await appointments.find_appointment(uow, id_)
    stand = await bookable_stand(stand_id, uow)
    if not before:
        return NO_APPOINTMENT
    if isinstance(stand, Refusal):
        return stand
    if before.service not in stand.details.services:
        return NOT_OFFERED
    wanted = [(stand_id, slot) for slot in slot_starts(at, at + (before.ends_at - before.starts_at))]
    occupied = _occupied_slots(before)
    too_many = await move_limit.check_moves(id_, uow, context=context)
    if stand_id != before.stand_id and (
        refusal := await booking_limits.check_move(id_, stand_id, len(wanted), uow, context=context)
    ):
        return refusal
    free = await slot_statements.lock_slots(uow, [*wanted, *occupied])
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment or appointment.version != before.version:
        return APPOINTMENT_ENDED  # it changed in the meantime: the locked slots are not the ones it occupies
    outcome = move(appointment, stand_id=stand_id, at=at, place=stand.details.place, now=uow.now)
    if isinstance(outcome, Refusal) or outcome.state == appointment:
        return outcome if isinstance(outcome, Refusal) else appointment
    if too_many:
        return too_many
    for slot_key in occupied:
        if slot_key in free:
            free[slot_key] += 1
    if any(slot_key not in free for slot_key in wanted):
        return NO_SLOT
    if any(free[slot_key] < 1 for slot_key in wanted):
        return FULL
    await slot_statements.change_booked(uow, occupied, -1)
    await slot_statements.change_booked(uow, wanted, 1)
    await move_limit.count_move(id_, uow, context=context)
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


async def mark_arrived(id_: UUID, uow: UnitOfWork, *, context: SchedulingContext) -> Appointment | Refusal:
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return NO_APPOINTMENT
    if is_of_later_day(appointment, at=uow.now, zone=context.zone):
        return OF_LATER_DAY
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


async def record_visit(opened: CaseOpened, id_: UUID, uow: UnitOfWork, *, context: SchedulingContext) -> None:
    """Ends the appointment for which a case was opened as served, if the case is at its stand, not on an earlier day:
    a device of any stand can name any id."""
    appointment = await appointments.lock_appointment(uow, id_)
    if not appointment:
        return
    at = min(opened.captured_at, uow.now)
    if opened.stand_id != appointment.stand_id or is_of_later_day(appointment, at=at, zone=context.zone):
        log.warning(
            "appointment.case_does_not_fit",
            appointment_id=str(id_),
            stand_id=str(appointment.stand_id),
            case_id=str(opened.case_id),
            case_stand_id=str(opened.stand_id),
        )
        return
    served = serve(appointment, now=uow.now)
    if not isinstance(served, Refusal):  # refused if it had already ended
        await _save(served, appointment, uow)


async def look_up(
    code: str, born: date | None, uow: UnitOfWork, *, network: str, context: SchedulingContext
) -> tuple[Appointment | Refusal, float]:
    """Finds an appointment by code and date of birth. Returns also the seconds that the answer must take.

    Every mismatch gets the same answer. Commit also after a refusal: wrong tries count (`code_lookups`).
    """
    lookup = await begin_lookup(uow, context.cipher.keyed_hash, network=network, code=code)
    if lookup.refused:
        return TOO_MANY_TRIES, lookup.answer_s
    claimed = birth_date_hash(born or date.min, context)
    for appointment in await appointments.by_code(uow, code):
        if hmac.compare_digest(appointment.birth_date_hash or NO_HASH, claimed):
            return appointment, lookup.answer_s
    await lookup.count_wrong(uow)
    return NO_APPOINTMENT, lookup.answer_s


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
    return Citizen(
        language,
        context.cipher.seal(id_, plain),
        booking_limits.hash_address((phone, email), context),
        birth_date_hash(born, context),
        has_two_addresses=bool(phone and email),
    )


def birth_date_hash(born: date, context: SchedulingContext) -> bytes:
    return context.cipher.keyed_hash(f"born:{born.isoformat()}".encode())


def service_duration(service: str, context: SchedulingContext) -> timedelta:
    return duration(service_of(context.services, service).minutes)


async def bookable_stand(stand_id: StandId, uow: UnitOfWork) -> Stand | Refusal:
    """The refusals of a stand that was never public and of one that does not exist are the same."""
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.is_hidden:
        return NO_STAND
    return stand if stand.state in PUBLIC_STATES else NOT_BOOKABLE


def _occupied_slots(appointment: Appointment) -> list[tuple[UUID, datetime]]:
    if appointment.state not in OCCUPYING_STATES:
        return []
    return [(appointment.stand_id, slot) for slot in appointment.slots]


async def reserve_slots(appointment: Appointment, uow: UnitOfWork) -> Refusal | None:
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
