"""Queries for the public: stands, one's own appointment, alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import Appointment, bookable_times, duration
from scheduling.domain.bookable_service import service_of
from scheduling.domain.refusals import LINK_EXPIRED, NO_STAND
from scheduling.domain.resources import Pitch, ResourceKind, distance_m
from scheduling.domain.stand import PUBLIC_STATES, Stand
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, slot_statements, stands

MAX_STANDS = 200
MAX_OTHER_STANDS = 4
MAX_TIMES = 24  # offered per stand
CANCELLED_FOR = timedelta(days=30)  # a cancelled stand stays in the calendars for this long

Alternative = tuple[Stand, list[datetime]]
"""A stand with bookable times."""


@dataclass(frozen=True, slots=True)
class PublicStands:
    """`all`: every public stand; `matching`: those that match the filter."""

    all: list[Stand]
    matching: list[Stand]

    @property
    def districts(self) -> list[str]:
        return sorted({stand.details.district for stand in self.all})

    @property
    def groups(self) -> list[str]:
        return sorted({stand.details.target_group for stand in self.all if stand.details.target_group})


async def public_stands(uow: UnitOfWork, *, service: str = "", district: str = "", group: str = "") -> PublicStands:
    every_stand = await stands.public_stands(uow, ending_after=uow.now, limit=MAX_STANDS)
    matching = [
        stand
        for stand in every_stand
        if (not service or service in stand.details.services)
        and (not district or stand.details.district == district)
        and (not group or stand.details.target_group == group)
    ]
    return PublicStands(every_stand, matching)


async def public_stand(stand_id: StandId, uow: UnitOfWork) -> tuple[Stand, Pitch] | Refusal:
    """A stand that is or was public, also when it is over or cancelled."""
    stand = await stands.find_stand(uow, stand_id)
    if not stand or stand.is_hidden:
        return NO_STAND
    pitch = (await stands.facts_of(uow, stand.details))[ResourceKind.PITCH]
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by its kind
    return stand, pitch


async def calendar_stands(uow: UnitOfWork, *, district: str = "", group: str = "") -> list[Stand]:
    """Coming stands, recent ones, and stands cancelled recently."""
    recent = await stands.calendar_stands(uow, since=uow.now - CANCELLED_FOR, limit=MAX_STANDS)
    return [
        stand
        for stand in recent
        if (not district or stand.details.district == district) and (not group or stand.details.target_group == group)
    ]


async def my_appointment(id_: UUID, uow: UnitOfWork) -> tuple[Appointment, Stand] | Refusal:
    appointment = await appointments.find_appointment(uow, id_)
    stand = await stands.find_stand(uow, appointment.stand_id) if appointment else None
    return (appointment, stand) if appointment and stand else LINK_EXPIRED


async def alternatives(
    appointment: Appointment, stand: Stand, uow: UnitOfWork, *, context: SchedulingContext
) -> list[Alternative]:
    """Times the appointment can move to: its own stand first, then the nearest stands, earlier ones first."""
    every_stand = await stands.public_stands(uow, ending_after=uow.now, limit=MAX_STANDS)
    suitable = sorted(
        (other for other in every_stand if appointment.service in other.details.services),
        key=lambda other: _rank(stand, other),
    )
    free = await slot_statements.free_places(uow, [other.id for other in suitable])
    length = duration(service_of(context.services, appointment.service).minutes)
    offered: list[Alternative] = []
    for other in suitable:
        times = bookable_times(free.get(other.id, {}), length, after=uow.now)
        times = [at for at in times if at != appointment.starts_at]
        if times and len(offered) <= MAX_OTHER_STANDS:
            offered.append((other, times[:MAX_TIMES]))
    return offered


def _rank(stand: Stand, other: Stand) -> tuple[bool, float, datetime]:
    a, b = _coordinates(stand), _coordinates(other)
    distance = distance_m(a, b) if a and b else 0.0
    return other.id != stand.id, round(distance, -2), other.details.starts_at


def _coordinates(stand: Stand) -> tuple[float, float] | None:
    latitude, longitude = stand.details.latitude, stand.details.longitude
    return None if latitude is None or longitude is None else (latitude, longitude)


def is_open(stand: Stand, now: datetime) -> bool:
    return stand.state in PUBLIC_STATES and stand.details.ends_at > now


def offered_services(every_stand: Sequence[Stand]) -> list[str]:
    return sorted({code for stand in every_stand for code in stand.details.services})
