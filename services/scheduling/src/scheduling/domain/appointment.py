"""An appointment: held for some minutes, booked, moved, cancelled, attended or not.

    held → booked → arrived → served        held → expires by itself; booked → no_show, cancelled, needs_rebooking

`needs_rebooking`: the stand was cancelled or moved away from under the appointment. The data stay, so that the citizen
can choose another stand.

Invariants: an appointment occupies as many consecutive slots as its service needs, one place in each; the database
counts the places.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentServed,
    Language,
)
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from scheduling.domain.refusals import APPOINTMENT_ENDED, HOLD_EXPIRED, IN_THE_PAST
from scheduling.domain.stand import StandDetails

SLOT = timedelta(minutes=10)
PAST_MIDNIGHT = timedelta(hours=2)  # an appointment so soon is of the same shift, also on the next day


class AppointmentState(StrEnum):
    HELD = "held"
    BOOKED = "booked"
    ARRIVED = "arrived"
    SERVED = "served"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    NEEDS_REBOOKING = "needs_rebooking"


class TokenKind(StrEnum):
    """What the bearer of a signed token may do: confirm a hold; move or cancel an appointment."""

    HOLD = "hold"
    BOOKING = "booking"


OPEN_STATES = frozenset({AppointmentState.HELD, AppointmentState.BOOKED})
OCCUPYING_STATES = OPEN_STATES | {AppointmentState.ARRIVED, AppointmentState.SERVED, AppointmentState.NO_SHOW}


@dataclass(frozen=True, slots=True)
class Appointment:
    """`address_hash`, `birth_date_hash`: keyed hashes, the second for the look-up. Both are None while held.

    `confirmed_by_code`: whoever booked entered the code that was sent to the address of `address_hash`.
    """

    id: UUID
    stand_id: StandId
    service: str
    starts_at: datetime
    ends_at: datetime
    state: AppointmentState
    version: int
    hold_until: datetime | None = None
    language: Language = Language.DE
    contact: Sealed | None = None
    address_hash: bytes | None = None
    birth_date_hash: bytes | None = None
    arrived_at: datetime | None = None
    moves: int = 0
    confirmed_by_code: bool = False

    @property
    def slots(self) -> list[datetime]:
        return slot_starts(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Slot:
    starts_at: datetime
    capacity: int


@dataclass(frozen=True, slots=True)
class Citizen:
    """The person who books: an encrypted contact, and keyed hashes of the address and of the date of birth.

    `has_two_addresses`: a telephone number and an e-mail address, of which a code confirms the number alone.
    """

    language: Language
    contact: Sealed
    address_hash: bytes
    birth_date_hash: bytes
    has_two_addresses: bool = False


def slot_starts(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    """The start of every slot between two times, in order."""
    count = max(0, -((starts_at - ends_at) // SLOT))
    return [starts_at + number * SLOT for number in range(count)]


def offered_slots(details: StandDetails) -> list[Slot]:
    """The slots a stand offers: whole slots inside its window. Capacity: the desks less the share for walk-ins.

    The share is spread evenly: 1.4 desks per slot become 1, 1, 2, 1, 2, 1, 1, 2, 1, 2.
    """
    desks = details.desks * (1 - details.walk_in_share)
    starts = [at for at in slot_starts(details.starts_at, details.ends_at) if at + SLOT <= details.ends_at]
    return [
        Slot(at, int((number + 1) * desks + 1e-9) - int(number * desks + 1e-9) + details.overbook)
        for number, at in enumerate(starts)
    ]


def duration(minutes: int) -> timedelta:
    """The time a service takes, in whole slots."""
    return max(1, -(-minutes * 60 // int(SLOT.total_seconds()))) * SLOT


def bookable_times(free: dict[datetime, int], length: timedelta, *, after: datetime) -> list[datetime]:
    """The times at which an appointment of `length` can begin: each of its slots has a place left.

    `free`: places left per slot.
    """
    needed = length // SLOT
    return [
        at
        for at in sorted(free)
        if at >= after and all(free.get(at + number * SLOT, 0) > 0 for number in range(needed))
    ]


def hold(
    id_: UUID, stand_id: StandId, service: str, *, at: datetime, length: timedelta, until: datetime
) -> Appointment:
    return Appointment(id_, stand_id, service, at, at + length, AppointmentState.HELD, 1, until)


def confirm(
    appointment: Appointment, citizen: Citizen, *, place: str, now: datetime, by_code: bool = False
) -> Decision[Appointment] | Refusal:
    """Books a held appointment. The same citizen twice is one booking. `by_code`: with the code sent to the contact;
    it confirms the contact only if that has no other address, since messages go to each."""
    if appointment.state is AppointmentState.BOOKED and appointment.address_hash == citizen.address_hash:
        return Decision(appointment)
    if appointment.state is not AppointmentState.HELD:
        return APPOINTMENT_ENDED
    if appointment.hold_until and appointment.hold_until <= now:
        return HOLD_EXPIRED
    booked = replace(
        appointment,
        state=AppointmentState.BOOKED,
        version=appointment.version + 1,
        hold_until=None,
        language=citizen.language,
        contact=citizen.contact,
        address_hash=citizen.address_hash,
        birth_date_hash=citizen.birth_date_hash,
        confirmed_by_code=by_code,
    )
    event = AppointmentBooked(
        appointment_id=appointment.id,
        stand_id=appointment.stand_id,
        service=appointment.service,
        place=place,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        language=citizen.language,
        contact=citizen.contact,
        contact_confirmed=by_code and not citizen.has_two_addresses,
        booked_at=now,
    )
    return Decision(booked, (event,))


def move(
    appointment: Appointment, *, stand_id: StandId, at: datetime, place: str, now: datetime
) -> Decision[Appointment] | Refusal:
    """Moves a booked appointment, or rebooks one that needs it, to another time or stand."""
    if appointment.state not in {AppointmentState.BOOKED, AppointmentState.NEEDS_REBOOKING}:
        return APPOINTMENT_ENDED
    if at <= now:
        return IN_THE_PAST
    if (appointment.stand_id, appointment.starts_at, appointment.state) == (stand_id, at, AppointmentState.BOOKED):
        return Decision(appointment)
    length = appointment.ends_at - appointment.starts_at
    moved = replace(
        appointment,
        stand_id=stand_id,
        starts_at=at,
        ends_at=at + length,
        state=AppointmentState.BOOKED,
        version=appointment.version + 1,
        moves=appointment.moves + 1,
    )
    event = AppointmentMoved(
        appointment_id=appointment.id,
        stand_id=stand_id,
        place=place,
        starts_at=moved.starts_at,
        ends_at=moved.ends_at,
        moved_at=now,
    )
    return Decision(moved, (event,))


def cancel(appointment: Appointment, *, by_citizen: bool, now: datetime) -> Decision[Appointment] | Refusal:
    """A cancelled hold emits no event, because it was never published."""
    if appointment.state not in {*OPEN_STATES, AppointmentState.NEEDS_REBOOKING}:
        return APPOINTMENT_ENDED
    cancelled = replace(appointment, state=AppointmentState.CANCELLED, version=appointment.version + 1)
    event = AppointmentCancelled(appointment_id=appointment.id, by_citizen=by_citizen, cancelled_at=now)
    return Decision(cancelled, () if appointment.state is AppointmentState.HELD else (event,))


def mark_needs_rebooking(appointment: Appointment) -> Appointment:
    """The stand no longer takes place at that time. The stand's own event informs the citizen."""
    return replace(appointment, state=AppointmentState.NEEDS_REBOOKING, version=appointment.version + 1)


def arrive(appointment: Appointment, *, now: datetime) -> Appointment | Refusal:
    if appointment.state is AppointmentState.ARRIVED:
        return appointment
    if appointment.state not in {AppointmentState.BOOKED, AppointmentState.NO_SHOW}:
        return APPOINTMENT_ENDED
    return replace(appointment, state=AppointmentState.ARRIVED, arrived_at=now, version=appointment.version + 1)


def serve(appointment: Appointment, *, now: datetime) -> Decision[Appointment] | Refusal:
    """Also valid after a no-show: a stand without network reports late what happened there."""
    if appointment.state not in {AppointmentState.BOOKED, AppointmentState.ARRIVED, AppointmentState.NO_SHOW}:
        return APPOINTMENT_ENDED
    event = AppointmentServed(appointment_id=appointment.id, served_at=now)
    served = replace(appointment, state=AppointmentState.SERVED, version=appointment.version + 1)
    return Decision(served, (event,))


def is_of_later_day(appointment: Appointment, *, at: datetime, zone: ZoneInfo) -> bool:
    """Whether somebody who comes at this time is too early by a day. At a stand that is open past midnight the last
    hours before count, too."""
    later = appointment.starts_at.astimezone(zone).date() > at.astimezone(zone).date()
    return later and appointment.starts_at - at > PAST_MIDNIGHT


def mark_no_show(appointment: Appointment, *, now: datetime) -> Decision[Appointment] | Refusal:
    """The citizen did not come. A citizen who comes later may still arrive."""
    if appointment.state is not AppointmentState.BOOKED:
        return APPOINTMENT_ENDED
    event = AppointmentNoShow(appointment_id=appointment.id, recorded_at=now)
    return Decision(replace(appointment, state=AppointmentState.NO_SHOW, version=appointment.version + 1), (event,))


def shift_with_stand(
    appointments: Sequence[Appointment], before: StandDetails, after: StandDetails
) -> list[tuple[Appointment, datetime | None]]:
    """Appointments move with their stand by the same time. None: outside the new window, or no longer offered."""
    by = after.starts_at - before.starts_at
    shifted: list[tuple[Appointment, datetime | None]] = []
    for appointment in appointments:
        at = appointment.starts_at + by
        length = appointment.ends_at - appointment.starts_at
        inside = after.starts_at <= at and at + length <= after.ends_at
        shifted.append((appointment, at if inside and appointment.service in after.services else None))
    return shifted
