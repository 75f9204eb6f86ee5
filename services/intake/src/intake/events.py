"""The events that intake handles: answers of registers, and copies of scheduling's stands and appointments.

Invariants: an answer without the proof of the registry bridge has no effect; intake never asks scheduling: what it
knows of a stand or an appointment comes from these events alone.
"""

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    AppointmentNoShow,
    AppointmentServed,
    EventHeader,
    RegisterAnswered,
    StandCancelled,
    StandMoved,
    StandScheduled,
)
from wanderamt.kernel.ids import StandId

from intake.handlers.cases import record_register_answer
from intake.handlers.context import IntakeContext
from intake.store import appointments, stands

NOT_FIRST = "an answer is the only event of its request, and has the sequence 1"
consumer = EventConsumer("intake")


@consumer.verify(RegisterAnswered)
def verify_register_answer(event: RegisterAnswered, header: EventHeader, context: IntakeContext) -> str:
    """Only the registry bridge answers: who else may write to the topic has no key."""
    return context.answers.verify_answer(event) or (NOT_FIRST if header.sequence != 1 else "")


@consumer.on(RegisterAnswered)
async def on_register_answered(event: RegisterAnswered, uow: UnitOfWork, context: IntakeContext) -> None:
    await record_register_answer(
        event, uow, cipher=context.cipher, catalogue=context.catalogue, operators=context.operators
    )


@consumer.on(StandScheduled)
async def on_stand_scheduled(event: StandScheduled, uow: UnitOfWork) -> None:
    await stands.save_stand(uow, event)


@consumer.on(StandMoved)
async def on_stand_moved(event: StandMoved, uow: UnitOfWork) -> None:
    await stands.move_stand(uow, event)


@consumer.on(StandCancelled)
async def on_stand_cancelled(event: StandCancelled, uow: UnitOfWork) -> None:
    await stands.cancel_stand(uow, StandId(event.stand_id))


@consumer.on(AppointmentBooked)
async def on_appointment_booked(event: AppointmentBooked, uow: UnitOfWork) -> None:
    await appointments.save_booked(uow, event)


@consumer.on(AppointmentMoved)
async def on_appointment_moved(event: AppointmentMoved, uow: UnitOfWork) -> None:
    await appointments.save_moved(uow, event)


@consumer.on(AppointmentCancelled)
async def on_appointment_cancelled(event: AppointmentCancelled, uow: UnitOfWork) -> None:
    await appointments.save_ended(uow, event.appointment_id, "cancelled")


@consumer.on(AppointmentServed)
async def on_appointment_served(event: AppointmentServed, uow: UnitOfWork) -> None:
    await appointments.save_ended(uow, event.appointment_id, "served")


@consumer.on(AppointmentNoShow)
async def on_appointment_no_show(event: AppointmentNoShow, uow: UnitOfWork) -> None:
    await appointments.save_ended(uow, event.appointment_id, "no_show")
