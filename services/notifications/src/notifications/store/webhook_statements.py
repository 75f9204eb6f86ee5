"""Hand-written statements of webhooks: each batch of events adds deliveries, each claim counts running jobs."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from wanderamt.backbone.persistence.tables import columns_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from notifications.domain.partner import WebhookDelivery


async def add_deliveries(
    uow: UnitOfWork, deliveries: Sequence[WebhookDelivery], *, repeat: bool = False
) -> set[tuple[UUID, UUID]]:
    """The keys (subscriber, event) of the new ones. With `repeat`, finished and held ones start again, too."""
    if not deliveries:
        return set()
    rows = await uow.db.fetch(
        """
        INSERT INTO webhook_delivery (subscriber_id, event_id, type, body, state, attempts, created_at)
        SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::bytea[], $6::text[], $7::int[], $8::timestamptz[])
        ON CONFLICT (subscriber_id, event_id) DO UPDATE SET state = excluded.state, attempts = 0, body = excluded.body,
            ended_at = NULL WHERE $1 AND webhook_delivery.state <> 'waiting'
        RETURNING subscriber_id, event_id
        """,
        repeat,
        *(list(column) for column in zip(*(columns_of(delivery).values() for delivery in deliveries), strict=True)),
    )
    return {(row["subscriber_id"], row["event_id"]) for row in rows}


async def count_in_flight(uow: UnitOfWork, subscribers: Iterable[UUID]) -> dict[UUID, int]:
    rows = await uow.db.fetch(
        """
        SELECT body ->> 'subscriber_id' AS subscriber, count(*) AS n FROM job
        WHERE queue = 'deliver-webhook' AND status = 'running' AND lease_expires_at > $2
          AND body ->> 'subscriber_id' = ANY($1::text[])
        GROUP BY subscriber
        """,
        [str(subscriber_id) for subscriber_id in subscribers],
        uow.now,
    )
    return {UUID(row["subscriber"]): row["n"] for row in rows}
