"""An appointment: held for some minutes, booked, moved, cancelled, come or not.

    held → booked → arrived → served        held → over by itself; booked → missed, cancelled, conflict

`conflict`: its stand was cancelled or moved under it; nothing is deleted, other stands are offered.

Kept true: it takes as many slots in a row as its service needs, one place in each; places are counted by the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentMoved,
    AppointmentServed,
    Language,
)
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from scheduling.domain.refusals import ENDED, GONE_BY, HOLD_OVER
from scheduling.domain.stand import Plan

SLOT = timedelta(minutes=10)


class State(StrEnum):
    HELD = "held"
    BOOKED = "booked"
    ARRIVED = "arrived"
    SERVED = "served"
    MISSED = "missed"
    CANCELLED = "cancelled"
    CONFLICT = "conflict"


OPEN = frozenset({State.HELD, State.BOOKED})
TAKES_PLACE = frozenset({State.HELD, State.BOOKED, State.ARRIVED, State.SERVED, State.MISSED})


@dataclass(frozen=True, slots=True)
class Appointment:
    """`born`: keyed hash of the date of birth, for the look-up; `who`: of the address. Both None while only held."""

    id: UUID
    stand_id: StandId
    service: str
    starts_at: datetime
    ends_at: datetime
    state: State
    version: int
    hold_until: datetime | None = None
    language: Language = Language.DE
    contact: Sealed | None = None
    who: bytes | None = None
    born: bytes | None = None
    arrived_at: datetime | None = None
    moves: int = 0

    @property
    def slots(self) -> list[datetime]:
        return slots_of(self.starts_at, self.ends_at)


@dataclass(frozen=True, slots=True)
class Slot:
    starts_at: datetime
    capacity: int


@dataclass(frozen=True, slots=True)
class Person:
    """Who books: `contact` sealed, `who` and `born` as keyed hashes."""

    language: Language
    contact: Sealed
    who: bytes
    born: bytes


def slots_of(starts_at: datetime, ends_at: datetime) -> list[datetime]:
    """The beginnings of all slots from one time to another, in order."""
    many = max(0, -((starts_at - ends_at) // SLOT))
    return [starts_at + number * SLOT for number in range(many)]


def slots_for(plan: Plan) -> list[Slot]:
    """What a stand offers: whole slots inside its window; desks less what is kept for walk-ins, spread evenly.

    1.4 desks a slot become 1, 1, 2, 1, 2, 1, 1, 2, 1, 2: over time exactly the share.
    """
    share = plan.desks * (1 - plan.walk_in_share)
    begins = [at for at in slots_of(plan.starts_at, plan.ends_at) if at + SLOT <= plan.ends_at]
    return [
        Slot(at, int((number + 1) * share + 1e-9) - int(number * share + 1e-9) + plan.overbook)
        for number, at in enumerate(begins)
    ]


def lasts(minutes: int) -> timedelta:
    """How long a service takes, in whole slots."""
    return max(1, -(-minutes * 60 // int(SLOT.total_seconds()))) * SLOT


def starts(free: dict[datetime, int], length: timedelta, *, after: datetime) -> list[datetime]:
    """Where an appointment of a length could begin: every slot of it has a place left. `free`: places per slot."""
    needed = length // SLOT
    return [
        at
        for at in sorted(free)
        if at >= after and all(free.get(at + number * SLOT, 0) > 0 for number in range(needed))
    ]


def hold(
    id_: UUID, stand_id: StandId, service: str, *, at: datetime, length: timedelta, until: datetime
) -> Appointment:
    return Appointment(id_, stand_id, service, at, at + length, State.HELD, 1, until)


def confirm(one: Appointment, person: Person, *, place: str, now: datetime) -> Decision[Appointment] | Refusal:
    """The same person twice is one booking."""
    if one.state is State.BOOKED and one.who == person.who:
        return Decision(one)
    if one.state is not State.HELD:
        return ENDED
    if one.hold_until and one.hold_until <= now:
        return HOLD_OVER
    booked = replace(
        one,
        state=State.BOOKED,
        version=one.version + 1,
        hold_until=None,
        language=person.language,
        contact=person.contact,
        who=person.who,
        born=person.born,
    )
    event = AppointmentBooked(
        appointment_id=one.id,
        stand_id=one.stand_id,
        service=one.service,
        place=place,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        language=person.language,
        contact=person.contact,
        booked_at=now,
    )
    return Decision(booked, (event,))


def move(
    one: Appointment, *, stand_id: StandId, at: datetime, place: str, now: datetime
) -> Decision[Appointment] | Refusal:
    """To another time or stand; also out of a conflict."""
    if one.state not in {State.BOOKED, State.CONFLICT}:
        return ENDED
    if at <= now:
        return GONE_BY
    if (one.stand_id, one.starts_at, one.state) == (stand_id, at, State.BOOKED):
        return Decision(one)
    length = one.ends_at - one.starts_at
    moved = replace(
        one,
        stand_id=stand_id,
        starts_at=at,
        ends_at=at + length,
        state=State.BOOKED,
        version=one.version + 1,
        moves=one.moves + 1,
    )
    event = AppointmentMoved(
        appointment_id=one.id,
        stand_id=stand_id,
        place=place,
        starts_at=moved.starts_at,
        ends_at=moved.ends_at,
        moved_at=now,
    )
    return Decision(moved, (event,))


def cancel(one: Appointment, *, by_citizen: bool, now: datetime) -> Decision[Appointment] | Refusal:
    if one.state not in {*OPEN, State.CONFLICT}:
        return ENDED
    cancelled = replace(one, state=State.CANCELLED, version=one.version + 1)
    event = AppointmentCancelled(appointment_id=one.id, by_citizen=by_citizen, cancelled_at=now)
    return Decision(cancelled, () if one.state is State.HELD else (event,))


def lose_stand(one: Appointment) -> Appointment:
    """Its stand is gone or no longer there at that time. The stand's own event tells the citizen."""
    return replace(one, state=State.CONFLICT, version=one.version + 1)


def arrive(one: Appointment, *, now: datetime) -> Appointment | Refusal:
    if one.state is State.ARRIVED:
        return one
    if one.state not in {State.BOOKED, State.MISSED}:
        return ENDED
    return replace(one, state=State.ARRIVED, arrived_at=now, version=one.version + 1)


def serve(one: Appointment, *, now: datetime) -> Decision[Appointment] | Refusal:
    """Also after it was noted as missed: what happened at a stand without network is heard later."""
    if one.state not in {State.BOOKED, State.ARRIVED, State.MISSED}:
        return ENDED
    event = AppointmentServed(appointment_id=one.id, served_at=now)
    return Decision(replace(one, state=State.SERVED, version=one.version + 1), (event,))


def miss(one: Appointment, *, now: datetime) -> Decision[Appointment] | Refusal:
    """Nobody came. Who comes after all may still arrive."""
    if one.state is not State.BOOKED:
        return ENDED
    event = AppointmentMissed(appointment_id=one.id, missed_at=now)
    return Decision(replace(one, state=State.MISSED, version=one.version + 1), (event,))


def shifted(those: Sequence[Appointment], before: Plan, after: Plan) -> list[tuple[Appointment, datetime | None]]:
    """When a stand moves, its appointments move with it by the same time; None: no longer inside its window."""
    by = after.starts_at - before.starts_at
    found: list[tuple[Appointment, datetime | None]] = []
    for one in those:
        at = one.starts_at + by
        inside = after.starts_at <= at and at + (one.ends_at - one.starts_at) <= after.ends_at
        found.append((one, at if inside and one.service in after.services else None))
    return found
