"""The stand aggregate: place, window, crew, vehicle, kit, services, capacity. The database refuses overlaps.

    draft → planned → confirmed → running → closed          cancelled from the first four

Invariants: a draft reserves nothing; from `planned` on pitch, crew, vehicle and kit are taken, set-up and tear-down
included. From `confirmed` on the stand is public, and every change is a new version that is published.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wanderamt.contracts import StandCancelled, StandClosed, StandMoved, StandOpened, StandScheduled
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.decision import Decision, Event
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import (
    ENDS_BEFORE_START,
    INVALID_NUMBERS,
    STAND_CANCELLED,
    STAND_EXISTS,
    STAND_STARTED,
    TOO_EARLY,
    TOO_LONG,
    invalid_step,
)

MAX_DURATION = timedelta(hours=16)
EARLIEST_OPENING = timedelta(hours=2)  # before the announced time


class StandState(StrEnum):
    DRAFT = "draft"
    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    CLOSED = "closed"
    CANCELLED = "cancelled"


PUBLIC_STATES = frozenset({StandState.CONFIRMED, StandState.RUNNING})
HIDDEN_STATES = frozenset({StandState.DRAFT, StandState.PLANNED})  # before the public knows of the stand


@dataclass(frozen=True, slots=True)
class StandDetails:
    """A planner's decisions about a stand. Times are aware; the window is half open: [starts_at, ends_at).

    `walk_in_share`: share of the desks' time for people without an appointment. `overbook`: appointments that a slot
    takes beyond its capacity.
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
    """`series`: the rule of the series it belongs to. `changed_at`: time of its last version, for calendars; None if it
    was cancelled before it was public."""

    id: StandId
    version: int
    state: StandState
    details: StandDetails
    series: str | None = None
    reason: str | None = None
    changed_at: datetime | None = None

    @property
    def is_hidden(self) -> bool:
        """Never public: to the public such a stand does not exist."""
        return self.state in HIDDEN_STATES or (self.state is StandState.CANCELLED and self.changed_at is None)


def check_details(details: StandDetails) -> Refusal | None:
    if details.ends_at <= details.starts_at:
        return ENDS_BEFORE_START
    if details.busy_until - details.busy_from > MAX_DURATION:
        return TOO_LONG
    if (
        min(details.setup_min, details.teardown_min, details.overbook) < 0
        or details.desks < 1
        or not 0 <= details.walk_in_share <= 1
    ):
        return INVALID_NUMBERS
    return None


def schedule(
    stand: Stand | None,
    stand_id: StandId,
    details: StandDetails,
    *,
    state: StandState = StandState.CONFIRMED,
    now: datetime | None = None,
    series: str | None = None,
) -> Decision[Stand] | Refusal:
    """The same details under the same id twice are one stand. `state`: draft, planned or confirmed."""
    if stand:
        return repeated(Decision(stand), first=(stand.details,), now=(details,), taken=STAND_EXISTS)
    if refusal := check_details(details):
        return refusal
    scheduled = Stand(stand_id, 1, state, details, series, changed_at=now)
    return Decision(scheduled, (_scheduled(scheduled),) if state in PUBLIC_STATES else ())


def advance(stand: Stand, to: StandState, *, now: datetime) -> Decision[Stand] | Refusal:
    """To the next state. The same step twice is one step."""
    if stand.state is to:
        return Decision(stand)
    if (stand.state, to) not in _STEPS:
        return STAND_CANCELLED if stand.state is StandState.CANCELLED else invalid_step(stand.state, to)
    if to is StandState.RUNNING and now < stand.details.starts_at - EARLIEST_OPENING:
        return TOO_EARLY
    after = replace(stand, state=to, version=stand.version + 1, changed_at=now)
    events: dict[StandState, Event] = {
        StandState.CONFIRMED: _scheduled(after),
        StandState.RUNNING: StandOpened(stand_id=stand.id, opened_at=now),
        StandState.CLOSED: StandClosed(stand_id=stand.id, closed_at=now),
    }
    return Decision(after, (events[to],) if to in events else ())


_STEPS = {
    (StandState.DRAFT, StandState.PLANNED),
    (StandState.PLANNED, StandState.CONFIRMED),
    (StandState.CONFIRMED, StandState.RUNNING),
    (StandState.RUNNING, StandState.CLOSED),
}


def move(stand: Stand, details: StandDetails, *, reason: str, now: datetime) -> Decision[Stand] | Refusal:
    """A new version with another place, time, crew, vehicle or kit. A stand that has started cannot move."""
    if stand.state is StandState.CANCELLED:
        return STAND_CANCELLED
    if stand.state in {StandState.RUNNING, StandState.CLOSED}:
        return STAND_STARTED
    if refusal := check_details(details):
        return refusal
    if details == stand.details:
        return Decision(stand)
    after = replace(stand, details=details, version=stand.version + 1, reason=reason, changed_at=now)
    return Decision(after, (_moved(after, reason, now),) if stand.state in PUBLIC_STATES else ())


def cancel(stand: Stand, *, reason: str, now: datetime) -> Decision[Stand] | Refusal:
    if stand.state is StandState.CANCELLED:
        return STAND_CANCELLED
    if stand.state is StandState.CLOSED:
        return STAND_STARTED
    changed_at = None if stand.is_hidden else now
    cancelled = replace(
        stand, state=StandState.CANCELLED, version=stand.version + 1, reason=reason, changed_at=changed_at
    )
    event = StandCancelled(stand_id=stand.id, reason=reason, cancelled_at=now)
    return Decision(cancelled, (event,) if stand.state in PUBLIC_STATES else ())


def _scheduled(stand: Stand) -> StandScheduled:
    details = stand.details
    return StandScheduled(**_published_fields(stand), occasion=details.occasion, target_group=details.target_group)


def _moved(stand: Stand, reason: str, now: datetime) -> StandMoved:
    return StandMoved(**_published_fields(stand), reason=reason, moved_at=now)


def _published_fields(stand: Stand) -> dict[str, Any]:
    """The fields that the events of scheduled and of moved stands share."""
    details = stand.details
    return {
        "stand_id": stand.id,
        "place": details.place,
        "district": details.district,
        "starts_at": details.starts_at,
        "ends_at": details.ends_at,
        "crew": details.crew,
        "vehicle": details.vehicle,
        "kit": details.kit,
        "services": details.services,
        "latitude": details.latitude,
        "longitude": details.longitude,
    }
