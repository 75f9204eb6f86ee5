"""The queue at a stand: for crews, also for what their devices did without a network."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import case_code
from wanderamt.kernel.ids import StandId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from scheduling.api.outcome import told
from scheduling.domain.appointment import Appointment
from scheduling.domain.queue import TicketState, Waiting, Way
from scheduling.handlers import appointments, queue
from scheduling.handlers.ground import Ground
from scheduling.store import appointments as appointment_store

ALL = (Role.CLERK, Role.PLANNER, Role.OPERATOR)


class TicketIn(BaseModel):
    """`label`: the stand's and device's letters and a number, as printed. Sending twice is taking once."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: UUID
    label: str = Field(pattern=r"^[A-Z]{1,4}-?\d{1,4}$", examples=["SA-017"])
    service: str = Field(min_length=1, max_length=100, examples=["active_pass"])
    issued_at: AwareDatetime


class DeskIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    desk: str = Field(min_length=1, max_length=20, examples=["1"])


class TurnIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    way: Way
    how: TicketState = Field(examples=["served"], description="served, missed, or waiting: back into the queue")


class WaitingOut(BaseModel):
    """`wait_min`: minutes still to wait, estimated; null once called."""

    id: UUID
    way: Way
    label: str
    service: str
    begins: datetime | None
    desk: str | None
    wait_min: int | None


class RoomOut(BaseModel):
    next: list[WaitingOut]
    called: list[WaitingOut]


class AppointmentOut(BaseModel):
    appointment_id: UUID
    stand_id: UUID
    code: str
    service: str
    starts_at: datetime
    ends_at: datetime
    state: str
    language: str


def queue_routes(database: Database, ground: Ground) -> APIRouter:
    router = APIRouter(tags=["queue"])

    @router.get("/stands/{stand_id}/appointments")
    async def booked(stand_id: UUID, _: Caller = only(*ALL)) -> list[AppointmentOut]:
        """In the order of their time. Empty: nobody has booked yet."""
        async with database.work() as work:
            return [appointment_out(one) for one in await appointment_store.appointments_of(work, StandId(stand_id))]

    @router.post("/appointments/{appointment_id}/arrive")
    async def arrive(appointment_id: UUID, _: Caller = only(Role.CLERK)) -> AppointmentOut:
        """They are here and wait in the queue."""
        async with database.work() as work:
            return appointment_out(told(await appointments.note_arrival(appointment_id, work)))

    @router.post("/stands/{stand_id}/tickets", status_code=201)
    async def ticket(stand_id: UUID, order: TicketIn, _: Caller = only(Role.CLERK)) -> TicketIn:
        """A number that was given to a walk-in."""
        async with database.work() as work:
            told(
                await queue.take_ticket(
                    order.ticket_id,
                    StandId(stand_id),
                    work,
                    label=order.label,
                    service=order.service,
                    issued_at=order.issued_at,
                )
            )
        return order

    @router.get("/stands/{stand_id}/queue")
    async def show(stand_id: UUID, _: Caller = only(*ALL)) -> RoomOut:
        """Who is next, who is at which desk, and how long the others wait. Empty: nobody is here."""
        async with database.work() as work:
            there = told(await queue.room(StandId(stand_id), work, ground=ground))
        return RoomOut(
            next=[_waiting(one, there) for one in there.next], called=[_waiting(one, there) for one in there.called]
        )

    @router.post("/stands/{stand_id}/queue/call")
    async def call(stand_id: UUID, order: DeskIn, _: Caller = only(Role.CLERK)) -> WaitingOut:
        """Calls whoever is next to a desk."""
        async with database.work() as work:
            chosen = told(await queue.call_next(StandId(stand_id), work, desk=order.desk, ground=ground))
        return _waiting(chosen, None)

    @router.post("/stands/{stand_id}/queue/{entry_id}/end", status_code=204)
    async def end(stand_id: UUID, entry_id: UUID, order: TurnIn, _: Caller = only(Role.CLERK)) -> None:
        """Served, not there, or back into the queue."""
        async with database.work() as work:
            told(await queue.end_turn(StandId(stand_id), entry_id, order.way, order.how, work))

    return router


def appointment_out(one: Appointment) -> AppointmentOut:
    return AppointmentOut(
        appointment_id=one.id,
        stand_id=one.stand_id,
        code=case_code(one.id),
        service=one.service,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        state=one.state,
        language=one.language,
    )


def _waiting(one: Waiting, there: queue.Room | None) -> WaitingOut:
    wait = there.waits.get(one.id) if there else None
    return WaitingOut(
        id=one.id,
        way=one.way,
        label=one.label,
        service=one.service,
        begins=one.begins,
        desk=one.desk,
        wait_min=None if wait is None else round(wait.total_seconds() / 60),
    )
