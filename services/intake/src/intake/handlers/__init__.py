"""Handlers of everything that changes intake: entries of devices, decisions of the back office, events, job results."""

from collections.abc import Awaitable, Callable

from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentServed,
    Event,
    RegisterAnswered,
    StandCancelled,
    StandMoved,
    StandScheduled,
)

from intake.handlers.cases import on_register_answered
from intake.handlers.schedule_copies import (
    on_appointment,
    on_stand_cancelled,
    on_stand_moved,
    on_stand_scheduled,
)

EVENT_HANDLERS: dict[type[Event], Callable[..., Awaitable[None]]] = {
    RegisterAnswered: on_register_answered,
    StandScheduled: on_stand_scheduled,
    StandMoved: on_stand_moved,
    StandCancelled: on_stand_cancelled,
    AppointmentBooked: on_appointment,
    AppointmentMoved: on_appointment,
    AppointmentCancelled: on_appointment,
    AppointmentServed: on_appointment,
    AppointmentNoShow: on_appointment,
}
