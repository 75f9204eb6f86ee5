"""Topic stand.v1, owned by scheduling: where and when a crew offers services at a stand."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.kernel.decision import Event


class StandEvent(Event):
    TOPIC: ClassVar[str] = "stand.v1"
    AGGREGATE: ClassVar[str] = "stand_id"

    stand_id: UUID


class StandScheduled(StandEvent):
    """A stand has been scheduled: place, time window, crew, vehicle, kit, services, and its occasion."""

    TYPE: ClassVar[str] = "at.wanderamt.stand.scheduled.v1"

    place: str
    district: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    crew: str
    vehicle: str
    kit: str
    services: tuple[str, ...]
    occasion: str | None = None
    target_group: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class StandMoved(StandEvent):
    """The stand has another place, time, crew, vehicle or kit. These values replace the earlier ones."""

    TYPE: ClassVar[str] = "at.wanderamt.stand.moved.v1"

    place: str
    district: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    crew: str
    vehicle: str
    kit: str
    services: tuple[str, ...]
    latitude: float | None = None
    longitude: float | None = None
    reason: str
    moved_at: AwareDatetime


class StandOpened(StandEvent):
    """The crew has arrived and serves citizens."""

    TYPE: ClassVar[str] = "at.wanderamt.stand.opened.v1"

    opened_at: AwareDatetime


class StandClosed(StandEvent):
    """The crew has left."""

    TYPE: ClassVar[str] = "at.wanderamt.stand.closed.v1"

    closed_at: AwareDatetime


class StandCancelled(StandEvent):
    """The stand will not take place."""

    TYPE: ClassVar[str] = "at.wanderamt.stand.cancelled.v1"

    reason: str
    cancelled_at: AwareDatetime
