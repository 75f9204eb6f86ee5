"""A small copy of the appointments, from their topic. Nobody's address stands here: the crew needs code and time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import AppointmentBooked, AppointmentMoved
from wanderamt.kernel.ids import StandId


async def book(work: Work, event: AppointmentBooked) -> None:
    await work.db.execute(
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


async def move(work: Work, event: AppointmentMoved) -> None:
    await work.db.execute(
        "UPDATE appointment SET stand_id = $2, starts_at = $3, ends_at = $4, state = 'booked'"
        " WHERE appointment_id = $1",
        event.appointment_id,
        event.stand_id,
        event.starts_at,
        event.ends_at,
    )


async def end(work: Work, appointment_id: UUID, state: str) -> None:
    """`state`: cancelled, served or missed."""
    await work.db.execute("UPDATE appointment SET state = $2 WHERE appointment_id = $1", appointment_id, state)


async def at_stand(work: Work, stand_id: StandId, *, until: datetime, limit: int) -> list[Any]:
    """Those that are booked, in the order of their time."""
    return list(
        await work.db.fetch(
            "SELECT * FROM appointment WHERE stand_id = $1 AND state = 'booked' AND starts_at < $2"
            " ORDER BY starts_at, appointment_id LIMIT $3",
            stand_id,
            until,
            limit,
        )
    )
