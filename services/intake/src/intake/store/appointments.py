"""A projection of the appointments topic, without contact data: the crew needs only code and time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import AppointmentBooked, AppointmentMoved
from wanderamt.kernel.ids import StandId

from intake.tables import IntakeAppointmentRow


@dataclass(frozen=True, slots=True)
class BookedAppointment:
    appointment_id: UUID
    service: str
    starts_at: datetime
    ends_at: datetime
    language: str


async def save_booked(uow: UnitOfWork, event: AppointmentBooked) -> None:
    booked = insert(IntakeAppointmentRow).values(
        appointment_id=event.appointment_id, service=event.service, language=event.language, **_time_and_place(event)
    )
    again = booked.on_conflict_do_update(index_elements=["appointment_id"], set_=_time_and_place(event))
    await uow.session.exec(again)


async def save_moved(uow: UnitOfWork, event: AppointmentMoved) -> None:
    await _update(uow, event.appointment_id, _time_and_place(event))


async def save_ended(uow: UnitOfWork, appointment_id: UUID, state: str) -> None:
    """`state`: cancelled, served or no_show."""
    await _update(uow, appointment_id, {"state": state})


async def booked_at_stand(
    uow: UnitOfWork, stand_id: StandId, *, until: datetime, limit: int
) -> list[BookedAppointment]:
    """Booked appointments in order of time."""
    table = IntakeAppointmentRow
    booked = select(table).where(table.stand_id == stand_id, table.state == "booked", table.starts_at < until)
    in_order = booked.order_by(col(table.starts_at), col(table.appointment_id)).limit(limit)
    return [value_of(BookedAppointment, row) for row in await uow.session.exec(in_order)]


async def _update(uow: UnitOfWork, appointment_id: UUID, values: dict[str, Any]) -> None:
    changed = update(IntakeAppointmentRow).where(col(IntakeAppointmentRow.appointment_id) == appointment_id)
    await uow.session.exec(changed.values(values))


def _time_and_place(event: AppointmentBooked | AppointmentMoved) -> dict[str, Any]:
    return {"stand_id": event.stand_id, "starts_at": event.starts_at, "ends_at": event.ends_at, "state": "booked"}
