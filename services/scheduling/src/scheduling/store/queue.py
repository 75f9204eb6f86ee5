"""Tickets, and everybody who waits at a stand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work, rows_changed
from wanderamt.kernel.ids import StandId

from scheduling.domain.queue import TicketState, Way


async def add_ticket(
    work: Work, ticket_id: UUID, stand_id: StandId, *, label: str, service: str, issued_at: datetime
) -> bool:
    """False: the id or the label is there already."""
    status = await work.db.execute(
        """
        INSERT INTO ticket (ticket_id, stand_id, label, service, issued_at, state)
        VALUES ($1, $2, $3, $4, $5, 'waiting')
        ON CONFLICT DO NOTHING
        """,
        ticket_id,
        stand_id,
        label,
        service,
        issued_at,
    )
    return rows_changed(status) == 1


async def find_ticket(work: Work, ticket_id: UUID) -> Any:
    return await work.db.fetchrow("SELECT * FROM ticket WHERE ticket_id = $1", ticket_id)


async def present(work: Work, stand_id: StandId, *, until: datetime) -> list[Any]:
    """Rows (way, id, label, service, since, begins, called_at, desk) of all who wait, are at a desk or will come."""
    rows = await work.db.fetch(
        """
        SELECT 'ticket' AS way, ticket_id AS id, label, service, issued_at AS since, NULL::timestamptz AS begins,
               called_at, desk FROM ticket WHERE stand_id = $1 AND state IN ('waiting', 'called')
        UNION ALL
        SELECT 'appointment', appointment_id, code, service, arrived_at, starts_at, called_at, desk FROM appointment
        WHERE stand_id = $1 AND (state = 'arrived' OR (state = 'booked' AND starts_at < $2))
        """,
        stand_id,
        until,
    )
    return list(rows)


async def call(work: Work, way: Way, id_: UUID, *, desk: str) -> None:
    if way is Way.TICKET:
        await work.db.execute(
            "UPDATE ticket SET state = 'called', called_at = $2, desk = $3 WHERE ticket_id = $1", id_, work.now, desk
        )
    else:
        await work.db.execute(
            "UPDATE appointment SET called_at = $2, desk = $3 WHERE appointment_id = $1", id_, work.now, desk
        )


async def end_ticket(work: Work, ticket_id: UUID, stand_id: StandId, state: TicketState) -> bool:
    """`WAITING` puts it back. False: no such ticket, or it was not called."""
    status = await work.db.execute(
        """
        UPDATE ticket SET state = $3, ended_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE $4::timestamptz END,
            called_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE called_at END
        WHERE ticket_id = $1 AND stand_id = $2 AND state IN ('called', $3)
        """,
        ticket_id,
        stand_id,
        state,
        work.now,
    )
    return rows_changed(status) == 1


async def uncall_appointment(work: Work, appointment_id: UUID) -> None:
    await work.db.execute(
        "UPDATE appointment SET called_at = NULL, desk = NULL WHERE appointment_id = $1", appointment_id
    )
