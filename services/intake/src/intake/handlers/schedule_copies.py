"""Copies of the stands and appointments that scheduling announces, so that intake never has to ask scheduling."""

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentServed,
    StandCancelled,
    StandMoved,
    StandScheduled,
)
from wanderamt.kernel.ids import StandId

from intake.store import appointments, stands

AppointmentEvent = AppointmentBooked | AppointmentMoved | AppointmentCancelled | AppointmentServed | AppointmentNoShow


async def on_stand_scheduled(event: StandScheduled, uow: UnitOfWork) -> None:
    await stands.save_stand(uow, event)


async def on_stand_moved(event: StandMoved, uow: UnitOfWork) -> None:
    await stands.move_stand(uow, event)


async def on_stand_cancelled(event: StandCancelled, uow: UnitOfWork) -> None:
    await stands.cancel_stand(uow, StandId(event.stand_id))


async def on_appointment(event: AppointmentEvent, uow: UnitOfWork) -> None:
    match event:
        case AppointmentBooked():
            await appointments.save_booked(uow, event)
        case AppointmentMoved():
            await appointments.save_moved(uow, event)
        case AppointmentCancelled():
            await appointments.save_ended(uow, event.appointment_id, "cancelled")
        case AppointmentServed():
            await appointments.save_ended(uow, event.appointment_id, "served")
        case AppointmentNoShow():
            await appointments.save_ended(uow, event.appointment_id, "no_show")
