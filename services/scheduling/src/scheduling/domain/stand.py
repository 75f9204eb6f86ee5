"""A stand is one aggregate: place, window, crew, vehicle, kit, services. What overlaps, the database refuses."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wanderamt.contracts import StandCancelled, StandScheduled
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import CANCELLED, STAND_EXISTS, TOO_LONG, WINDOW

LONGEST = timedelta(hours=16)


class StandState(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner wants. Times are aware; the window is half open: [starts_at, ends_at)."""

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


@dataclass(frozen=True, slots=True)
class Stand:
    id: StandId
    version: int
    state: StandState
    plan: Plan


def schedule(stand: Stand | None, stand_id: StandId, plan: Plan) -> Decision[Stand] | Refusal:
    """The same plan under the same id twice is one stand."""
    if stand:
        return Decision(stand) if stand.plan == plan else STAND_EXISTS
    if plan.ends_at <= plan.starts_at:
        return WINDOW
    if plan.ends_at - plan.starts_at > LONGEST:
        return TOO_LONG
    event = StandScheduled(
        stand_id=stand_id,
        place=plan.place,
        district=plan.district,
        starts_at=plan.starts_at,
        ends_at=plan.ends_at,
        crew=plan.crew,
        vehicle=plan.vehicle,
        kit=plan.kit,
        services=plan.services,
        occasion=plan.occasion,
        target_group=plan.target_group,
    )
    return Decision(Stand(stand_id, 1, StandState.SCHEDULED, plan), (event,))


def cancel(stand: Stand, *, reason: str, now: datetime) -> Decision[Stand] | Refusal:
    if stand.state is StandState.CANCELLED:
        return CANCELLED
    cancelled = replace(stand, state=StandState.CANCELLED, version=stand.version + 1)
    return Decision(cancelled, (StandCancelled(stand_id=stand.id, reason=reason, cancelled_at=now),))
