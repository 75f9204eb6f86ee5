"""The queue at a stand: for crews, also for what their devices recorded offline."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.contracts import case_code
from wanderamt.kernel.bounded import ClockTime
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from scheduling.api.dependencies import Context, QueueCrew, QueueReader
from scheduling.domain.appointment import Appointment
from scheduling.domain.queue import QueueEntry, QueueEntryKind, TicketState
from scheduling.handlers import appointments
from scheduling.handlers import queue as handlers
from scheduling.store import appointments as appointment_store

router = APIRouter(tags=["queue"])


class TicketIn(BaseModel):
    """`label`: letters of stand and device with a number, as printed. A repeated request is one ticket."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: UUID
    label: str = Field(max_length=9, pattern=r"^[A-Z]{1,4}-?\d{1,4}$", examples=["SA-017"])
    service: LineText = Field(min_length=1, max_length=100, examples=["active_pass"])
    issued_at: ClockTime


class CallNextIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    desk: LineText = Field(min_length=1, max_length=20, examples=["1"])


class EndQueueEntryIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: QueueEntryKind
    outcome: TicketState = Field(examples=["served"], description="served, no_show, or waiting: back into the queue")


class QueueEntryOut(BaseModel):
    """`estimated_wait_min`: in minutes; null once the citizen is called."""

    id: UUID
    kind: QueueEntryKind
    label: str
    service: str
    appointment_at: datetime | None
    desk: str | None
    estimated_wait_min: int | None


class QueueOut(BaseModel):
    next: list[QueueEntryOut]
    called: list[QueueEntryOut]


class AppointmentOut(BaseModel):
    appointment_id: UUID
    stand_id: UUID
    code: str
    service: str
    starts_at: datetime
    ends_at: datetime
    state: str
    language: str


@router.get("/stands/{stand_id}/appointments")
async def list_appointments(stand_id: UUID, _: QueueReader, uow: Transaction) -> list[AppointmentOut]:
    """In the order of their time. Empty: no bookings yet."""
    booked = await appointment_store.appointments_of(uow, StandId(stand_id))
    return [appointment_out(appointment) for appointment in booked]


@router.post("/appointments/{appointment_id}/arrive")
async def arrive(appointment_id: UUID, _: QueueCrew, context: Context, uow: Transaction) -> AppointmentOut:
    """The citizen has arrived and waits in the queue."""
    return appointment_out(or_refuse(await appointments.mark_arrived(appointment_id, uow, context=context)))


@router.post("/stands/{stand_id}/tickets", status_code=201)
async def record_ticket(stand_id: UUID, body: TicketIn, _: QueueCrew, uow: Transaction) -> TicketIn:
    """Records a number issued to a walk-in."""
    or_refuse(
        await handlers.record_ticket(
            body.ticket_id,
            StandId(stand_id),
            uow,
            label=body.label,
            service=body.service,
            issued_at=body.issued_at,
        )
    )
    return body


@router.get("/stands/{stand_id}/queue")
async def show_queue(stand_id: UUID, _: QueueReader, context: Context, uow: Transaction) -> QueueOut:
    """The order of calling, the entries at desks, and the estimated waits. Empty: nobody is present."""
    state = or_refuse(await handlers.queue_state(StandId(stand_id), uow, context=context))
    return QueueOut(
        next=[_entry_out(entry, state) for entry in state.next],
        called=[_entry_out(entry, state) for entry in state.called],
    )


@router.post("/stands/{stand_id}/queue/call")
async def call_next(
    stand_id: UUID, body: CallNextIn, _: QueueCrew, context: Context, uow: Transaction
) -> QueueEntryOut:
    """Calls the next citizen to a desk."""
    outcome = await handlers.call_next(StandId(stand_id), uow, desk=body.desk, context=context)
    return _entry_out(or_refuse(outcome), None)


@router.post("/stands/{stand_id}/queue/{entry_id}/end", status_code=204)
async def end_entry(
    stand_id: UUID, entry_id: UUID, body: EndQueueEntryIn, _: QueueCrew, context: Context, uow: Transaction
) -> None:
    """Served, no-show, or back into the queue."""
    or_refuse(await handlers.end_entry(StandId(stand_id), entry_id, body.kind, body.outcome, uow, context=context))


def appointment_out(appointment: Appointment) -> AppointmentOut:
    return AppointmentOut(
        appointment_id=appointment.id,
        stand_id=appointment.stand_id,
        code=case_code(appointment.id),
        service=appointment.service,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        state=appointment.state,
        language=appointment.language,
    )


def _entry_out(entry: QueueEntry, state: handlers.QueueState | None) -> QueueEntryOut:
    wait = state.waits.get(entry.id) if state else None
    return QueueEntryOut(
        id=entry.id,
        kind=entry.kind,
        label=entry.label,
        service=entry.service,
        appointment_at=entry.appointment_at,
        desk=entry.desk,
        estimated_wait_min=None if wait is None else round(wait.total_seconds() / 60),
    )
