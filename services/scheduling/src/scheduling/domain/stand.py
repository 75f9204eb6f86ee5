"""A stand is one aggregate: place, window, crew, vehicle, kit, services, capacity. What overlaps, the database refuses.

    draft → planned → confirmed → running → closed          cancelled from the first four

Kept true: a draft holds nothing, from planned on pitch, crew, vehicle and kit are taken, set-up and tear-down included;
from confirmed on the public sees it, and every change is a revision of its own that is told.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wanderamt.contracts import StandCancelled, StandClosed, StandMoved, StandOpened, StandScheduled
from wanderamt.kernel.decision import Decision, Event
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import (
    BADLY_TIMED,
    CANCELLED,
    PAST_MOVING,
    STAND_EXISTS,
    TOO_EARLY,
    TOO_LONG,
    WINDOW,
    not_now,
)

LONGEST = timedelta(hours=16)
DOORS_BEFORE = timedelta(hours=2)  # a crew may begin earlier than announced, not the day before


class StandState(StrEnum):
    DRAFT = "draft"
    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    CLOSED = "closed"
    CANCELLED = "cancelled"


PUBLIC = frozenset({StandState.CONFIRMED, StandState.RUNNING})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner wants. Times are aware; the window is half open: [starts_at, ends_at).

    `walk_in_share`: of the desks' time kept for people without an appointment. `overbook`: appointments a slot takes
    beyond its capacity; 0 unless somebody wants it so.
    """

    place: str
    district: str
    starts_at: datetime
    ends_at: datetime
    crew: str
    vehicle: str
    kit: str
    services: tuple[str, ...]
    occasion: str | None = None
    target_group: str | None = None
    setup_min: int = 0
    teardown_min: int = 0
    desks: int = 1
    walk_in_share: float = 0.3
    overbook: int = 0
    latitude: float | None = None
    longitude: float | None = None

    @property
    def busy_from(self) -> datetime:
        return self.starts_at - timedelta(minutes=self.setup_min)

    @property
    def busy_until(self) -> datetime:
        return self.ends_at + timedelta(minutes=self.teardown_min)


@dataclass(frozen=True, slots=True)
class Stand:
    """`series`: the repeating stand it comes from. `changed_at`: its last revision, for calendars."""

    id: StandId
    version: int
    state: StandState
    plan: Plan
    series: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None


def check_plan(plan: Plan) -> Refusal | None:
    if plan.ends_at <= plan.starts_at:
        return WINDOW
    if plan.busy_until - plan.busy_from > LONGEST:
        return TOO_LONG
    if min(plan.setup_min, plan.teardown_min, plan.overbook) < 0 or plan.desks < 1 or not 0 <= plan.walk_in_share <= 1:
        return BADLY_TIMED
    return None


def schedule(
    stand: Stand | None,
    stand_id: StandId,
    plan: Plan,
    *,
    state: StandState = StandState.CONFIRMED,
    now: datetime | None = None,
    series: str | None = None,
) -> Decision[Stand] | Refusal:
    """The same plan under the same id twice is one stand. `state`: draft, planned or confirmed."""
    if stand:
        return Decision(stand) if stand.plan == plan else STAND_EXISTS
    if refusal := check_plan(plan):
        return refusal
    made = Stand(stand_id, 1, state, plan, series, changed_at=now)
    return Decision(made, (_scheduled(made),) if state in PUBLIC else ())


def advance(stand: Stand, to: StandState, *, now: datetime) -> Decision[Stand] | Refusal:
    """One step on its way. The same step twice is one step."""
    if stand.state is to:
        return Decision(stand)
    if (stand.state, to) not in _STEPS:
        return CANCELLED if stand.state is StandState.CANCELLED else not_now(stand.state, to)
    if to is StandState.RUNNING and now < stand.plan.starts_at - DOORS_BEFORE:
        return TOO_EARLY
    after = replace(stand, state=to, version=stand.version + 1, changed_at=now)
    told: dict[StandState, Event] = {
        StandState.CONFIRMED: _scheduled(after),
        StandState.RUNNING: StandOpened(stand_id=stand.id, opened_at=now),
        StandState.CLOSED: StandClosed(stand_id=stand.id, closed_at=now),
    }
    return Decision(after, (told[to],) if to in told else ())


_STEPS = {
    (StandState.DRAFT, StandState.PLANNED),
    (StandState.PLANNED, StandState.CONFIRMED),
    (StandState.CONFIRMED, StandState.RUNNING),
    (StandState.RUNNING, StandState.CLOSED),
}


def move(stand: Stand, plan: Plan, *, reason: str, now: datetime) -> Decision[Stand] | Refusal:
    """Another place, time, crew, vehicle or kit: a revision. What runs or is over stays where it is."""
    if stand.state is StandState.CANCELLED:
        return CANCELLED
    if stand.state in {StandState.RUNNING, StandState.CLOSED}:
        return PAST_MOVING
    if refusal := check_plan(plan):
        return refusal
    if plan == stand.plan:
        return Decision(stand)
    after = replace(stand, plan=plan, version=stand.version + 1, reason=reason, changed_at=now)
    return Decision(after, (_moved(after, reason, now),) if stand.state in PUBLIC else ())


def cancel(stand: Stand, *, reason: str, now: datetime) -> Decision[Stand] | Refusal:
    if stand.state is StandState.CANCELLED:
        return CANCELLED
    if stand.state is StandState.CLOSED:
        return PAST_MOVING
    cancelled = replace(stand, state=StandState.CANCELLED, version=stand.version + 1, reason=reason, changed_at=now)
    event = StandCancelled(stand_id=stand.id, reason=reason, cancelled_at=now)
    return Decision(cancelled, (event,) if stand.state in PUBLIC else ())


def _scheduled(stand: Stand) -> StandScheduled:
    plan = stand.plan
    return StandScheduled(**_told(stand), occasion=plan.occasion, target_group=plan.target_group)


def _moved(stand: Stand, reason: str, now: datetime) -> StandMoved:
    return StandMoved(**_told(stand), reason=reason, moved_at=now)


def _told(stand: Stand) -> dict[str, Any]:
    """What everybody hears of where and when a stand is, and who and what is there."""
    plan = stand.plan
    return {
        "stand_id": stand.id,
        "place": plan.place,
        "district": plan.district,
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "crew": plan.crew,
        "vehicle": plan.vehicle,
        "kit": plan.kit,
        "services": plan.services,
        "latitude": plan.latitude,
        "longitude": plan.longitude,
    }
