"""SQL of tickets and of the queue at a stand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.kernel.ids import StandId

from scheduling.domain.queue import QueueEntryKind, TicketState


async def add_ticket(
    uow: UnitOfWork, ticket_id: UUID, stand_id: StandId, *, label: str, service: str, issued_at: datetime
) -> bool:
    """False: the id or the label exists already."""
    status = await uow.db.execute(
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


async def find_ticket(uow: UnitOfWork, ticket_id: UUID) -> Any:
    return await uow.db.fetchrow("SELECT * FROM ticket WHERE ticket_id = $1", ticket_id)


async def present(uow: UnitOfWork, stand_id: StandId, *, until: datetime) -> list[Any]:
    """Rows of all who wait, are at a desk, or will come until this time.

    Columns: kind, id, label, service, present_since, appointment_at, called_at, desk.
    """
    rows = await uow.db.fetch(
        """
        SELECT 'ticket' AS kind, ticket_id AS id, label, service, issued_at AS present_since,
               NULL::timestamptz AS appointment_at, called_at, desk FROM ticket
        WHERE stand_id = $1 AND state IN ('waiting', 'called')
        UNION ALL
        SELECT 'appointment', appointment_id, code, service, arrived_at, starts_at, called_at, desk FROM appointment
        WHERE stand_id = $1 AND (state = 'arrived' OR (state = 'booked' AND starts_at < $2))
        """,
        stand_id,
        until,
    )
    return list(rows)


async def call(uow: UnitOfWork, kind: QueueEntryKind, id_: UUID, *, desk: str) -> None:
    if kind is QueueEntryKind.TICKET:
        await uow.db.execute(
            "UPDATE ticket SET state = 'called', called_at = $2, desk = $3 WHERE ticket_id = $1", id_, uow.now, desk
        )
    else:
        await uow.db.execute(
            "UPDATE appointment SET called_at = $2, desk = $3 WHERE appointment_id = $1", id_, uow.now, desk
        )


async def end_ticket(uow: UnitOfWork, ticket_id: UUID, stand_id: StandId, state: TicketState) -> bool:
    """`WAITING` puts the ticket back. False: the ticket does not exist or was not called."""
    status = await uow.db.execute(
        """
        UPDATE ticket SET state = $3, ended_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE $4::timestamptz END,
            called_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE called_at END
        WHERE ticket_id = $1 AND stand_id = $2 AND state IN ('called', $3)
        """,
        ticket_id,
        stand_id,
        state,
        uow.now,
    )
    return rows_changed(status) == 1


async def uncall_appointment(uow: UnitOfWork, appointment_id: UUID) -> None:
    await uow.db.execute(
        "UPDATE appointment SET called_at = NULL, desk = NULL WHERE appointment_id = $1", appointment_id
    )
