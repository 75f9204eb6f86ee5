"""Topic appointment.v1, owned by scheduling: citizens who come to a stand at a time."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.contracts.case import Language
from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class AppointmentEvent(Event):
    TOPIC: ClassVar[str] = "appointment.v1"
    AGGREGATE: ClassVar[str] = "appointment_id"

    appointment_id: UUID


class AppointmentBooked(AppointmentEvent):
    """`place` as it is told to the citizen; what they come for may be delicate and is not said."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.booked.v1"

    stand_id: UUID
    service: str
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    language: Language
    contact: Sealed | None = None
    booked_at: AwareDatetime


class AppointmentMoved(AppointmentEvent):
    """Another time, another stand, or both."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.moved.v1"

    stand_id: UUID
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    moved_at: AwareDatetime


class AppointmentCancelled(AppointmentEvent):
    """`by_citizen`: they need not be told."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.cancelled.v1"

    by_citizen: bool
    cancelled_at: AwareDatetime


class AppointmentServed(AppointmentEvent):
    """The citizen came and was served."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.served.v1"

    served_at: AwareDatetime


class AppointmentMissed(AppointmentEvent):
    """The citizen did not come."""

    TYPE: ClassVar[str] = "at.wanderamt.appointment.missed.v1"

    missed_at: AwareDatetime
