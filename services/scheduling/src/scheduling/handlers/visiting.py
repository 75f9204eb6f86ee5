"""What the public looks at: stands, free times, where else one could go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.appointment import Appointment, lasts, starts
from scheduling.domain.offer import offer_of
from scheduling.domain.refusals import NO_STAND, PASS_OVER
from scheduling.domain.resources import Kind, Pitch, distance_m
from scheduling.domain.stand import PUBLIC, Stand, StandState
from scheduling.handlers.ground import Ground
from scheduling.store import appointments, stands

SHOWN = 200
ELSEWHERE = 4  # other stands offered to whoever moves
TIMES = 24  # of each
CANCELLED_DAYS = timedelta(days=30)  # so long a cancelled stand stays in the feeds
HIDDEN = frozenset({StandState.DRAFT, StandState.PLANNED})

Choice = tuple[Stand, list[datetime]]


@dataclass(frozen=True, slots=True)
class Shown:
    """`all`: every public stand; `stands`: those that fit what was asked."""

    all: list[Stand]
    stands: list[Stand]

    @property
    def districts(self) -> list[str]:
        return sorted({one.plan.district for one in self.all})

    @property
    def groups(self) -> list[str]:
        return sorted({one.plan.target_group for one in self.all if one.plan.target_group})


async def shown(work: Work, *, service: str = "", district: str = "", group: str = "") -> Shown:
    found = await stands.shown_stands(work, ending_after=work.now, limit=SHOWN)
    fits = [
        one
        for one in found
        if (not service or service in one.plan.services)
        and (not district or one.plan.district == district)
        and (not group or one.plan.target_group == group)
    ]
    return Shown(found, fits)


async def look_at(stand_id: StandId, work: Work) -> tuple[Stand, Pitch] | Refusal:
    """A stand the public knows of, also when it is over or cancelled."""
    stand = await stands.find_stand(work, stand_id)
    if not stand or stand.state in HIDDEN:
        return NO_STAND
    pitch = (await stands.facts_of(work, stand.plan))[Kind.PITCH]
    assert isinstance(pitch, Pitch)  # noqa: S101 -- by its kind
    return stand, pitch


async def feed(work: Work, *, district: str = "", group: str = "") -> list[Stand]:
    """For calendars: what comes, what was lately, what was cancelled lately."""
    found = await stands.calendar_stands(work, since=work.now - CANCELLED_DAYS, limit=SHOWN)
    return [
        one
        for one in found
        if (not district or one.plan.district == district) and (not group or one.plan.target_group == group)
    ]


async def mine(id_: UUID, work: Work) -> tuple[Appointment, Stand] | Refusal:
    one = await appointments.find_appointment(work, id_)
    stand = await stands.find_stand(work, one.stand_id) if one else None
    return (one, stand) if one and stand else PASS_OVER


async def choices(one: Appointment, stand: Stand, work: Work, *, ground: Ground) -> list[Choice]:
    """Where this appointment could move to: its own stand first, then those nearest to it, the sooner the better."""
    there = await stands.shown_stands(work, ending_after=work.now, limit=SHOWN)
    fits = sorted(
        (other for other in there if one.service in other.plan.services), key=lambda other: _far(stand, other)
    )
    free = await appointments.free_places(work, [other.id for other in fits])
    length = lasts(offer_of(ground.offers, one.service).minutes)
    found: list[Choice] = []
    for other in fits:
        times = [at for at in starts(free.get(other.id, {}), length, after=work.now) if at != one.starts_at]
        if times and len(found) <= ELSEWHERE:
            found.append((other, times[:TIMES]))
    return found


def _far(stand: Stand, other: Stand) -> tuple[bool, float, datetime]:
    here, there = _point(stand), _point(other)
    away = distance_m(here, there) if here and there else 0.0
    return other.id != stand.id, round(away, -2), other.plan.starts_at


def _point(stand: Stand) -> tuple[float, float] | None:
    latitude, longitude = stand.plan.latitude, stand.plan.longitude
    return None if latitude is None or longitude is None else (latitude, longitude)


def is_open(stand: Stand, now: datetime) -> bool:
    return stand.state in PUBLIC and stand.plan.ends_at > now


def offered(those: Sequence[Stand]) -> list[str]:
    return sorted({code for one in those for code in one.plan.services})
