"""Every message into intake: entries from the field, orders of the office, events from the topics, outcomes of jobs."""

from collections.abc import Awaitable, Callable

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMissed,
    AppointmentMoved,
    AppointmentServed,
    Event,
    RegisterAnswered,
    StandCancelled,
    StandMoved,
    StandScheduled,
)

from intake.handlers.bundle import on_appointment
from intake.handlers.cases import on_register_answered
from intake.handlers.ground import on_stand_cancelled, on_stand_moved, on_stand_scheduled

ON: dict[type[Event], Callable[..., Awaitable[None]]] = {
    RegisterAnswered: on_register_answered,
    StandScheduled: on_stand_scheduled,
    StandMoved: on_stand_moved,
    StandCancelled: on_stand_cancelled,
    AppointmentBooked: on_appointment,
    AppointmentMoved: on_appointment,
    AppointmentCancelled: on_appointment,
    AppointmentServed: on_appointment,
    AppointmentMissed: on_appointment,
}
