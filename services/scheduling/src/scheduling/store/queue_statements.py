"""The hand-written statement of the queue: two tables at once, read by every device at a stand every few seconds."""

from collections.abc import Callable
from datetime import datetime

from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.queue import QueueEntry


async def present(
    uow: UnitOfWork, stand_id: StandId, *, until: datetime, minutes_of: Callable[[str], int]
) -> list[QueueEntry]:
    """All who wait, are at a desk, or will come until this time. `minutes_of`: the time that a service takes."""
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
    return [value_of(QueueEntry, dict(row), minutes=minutes_of(row["service"])) for row in rows]
