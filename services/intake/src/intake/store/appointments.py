"""A projection of the appointments topic, without contact data: the crew needs only code and time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import AppointmentBooked, AppointmentMoved
from wanderamt.kernel.ids import StandId


async def save_booked(uow: UnitOfWork, event: AppointmentBooked) -> None:
    await uow.db.execute(
        """
        INSERT INTO appointment (appointment_id, stand_id, service, starts_at, ends_at, language, state)
        VALUES ($1, $2, $3, $4, $5, $6, 'booked')
        ON CONFLICT (appointment_id) DO UPDATE SET stand_id = excluded.stand_id, starts_at = excluded.starts_at,
            ends_at = excluded.ends_at, state = 'booked'
        """,
        event.appointment_id,
        event.stand_id,
        event.service,
        event.starts_at,
        event.ends_at,
        event.language,
    )


async def save_moved(uow: UnitOfWork, event: AppointmentMoved) -> None:
    await uow.db.execute(
        "UPDATE appointment SET stand_id = $2, starts_at = $3, ends_at = $4, state = 'booked'"
        " WHERE appointment_id = $1",
        event.appointment_id,
        event.stand_id,
        event.starts_at,
        event.ends_at,
    )


async def save_ended(uow: UnitOfWork, appointment_id: UUID, state: str) -> None:
    """`state`: cancelled, served or no_show."""
    await uow.db.execute("UPDATE appointment SET state = $2 WHERE appointment_id = $1", appointment_id, state)


async def booked_at_stand(uow: UnitOfWork, stand_id: StandId, *, until: datetime, limit: int) -> list[Any]:
    """Booked appointments in order of time."""
    return list(
        await uow.db.fetch(
            "SELECT * FROM appointment WHERE stand_id = $1 AND state = 'booked' AND starts_at < $2"
            " ORDER BY starts_at, appointment_id LIMIT $3",
            stand_id,
            until,
            limit,
        )
    )
