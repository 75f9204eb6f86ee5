"""Subscribers and their webhook deliveries."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.kernel.sealed import Sealed

from notifications.domain.partner import Subscriber, WebhookDelivery, WebhookState


async def add_subscriber(uow: UnitOfWork, subscriber: Subscriber) -> bool:
    """False if the name is taken."""
    status = await uow.db.execute(
        "INSERT INTO subscriber VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (name) DO NOTHING",
        subscriber.id,
        subscriber.name,
        subscriber.url,
        list(subscriber.types),
        subscriber.secrets.model_dump(mode="json"),
        subscriber.active,
        subscriber.created_at,
    )
    return bool(status == "INSERT 0 1")


async def subscribers(uow: UnitOfWork) -> list[Subscriber]:
    return [_subscriber(row) for row in await uow.db.fetch("SELECT * FROM subscriber ORDER BY name")]


async def lock_subscribers(uow: UnitOfWork, ids: Iterable[UUID]) -> list[Subscriber]:
    rows = await uow.db.fetch(
        "SELECT * FROM subscriber WHERE subscriber_id = ANY($1::uuid[]) ORDER BY subscriber_id FOR UPDATE", list(ids)
    )
    return [_subscriber(row) for row in rows]


async def lock_subscriber(uow: UnitOfWork, subscriber_id: UUID) -> Subscriber | None:
    return next(iter(await lock_subscribers(uow, [subscriber_id])), None)


async def save_subscriber(uow: UnitOfWork, subscriber: Subscriber) -> None:
    await uow.db.execute(
        """
        UPDATE subscriber SET url = $2, types = $3, secrets = $4, active = $5, changed_at = $6
        WHERE subscriber_id = $1
        """,
        subscriber.id,
        subscriber.url,
        list(subscriber.types),
        subscriber.secrets.model_dump(mode="json"),
        subscriber.active,
        uow.now,
    )


async def remove_subscriber(uow: UnitOfWork, subscriber_id: UUID) -> bool:
    status = await uow.db.execute("DELETE FROM subscriber WHERE subscriber_id = $1", subscriber_id)
    return bool(status == "DELETE 1")


async def add_deliveries(
    uow: UnitOfWork, deliveries: Sequence[WebhookDelivery], *, repeat: bool = False
) -> set[tuple[UUID, UUID]]:
    """The keys (subscriber, event) of the new ones. With `repeat`, finished and held ones start again, too."""
    if not deliveries:
        return set()
    rows = await uow.db.fetch(
        """
        INSERT INTO webhook_delivery (subscriber_id, event_id, type, body, state, attempts, created_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::int[], $7::timestamptz[])
        ON CONFLICT (subscriber_id, event_id) DO UPDATE SET state = excluded.state, attempts = 0, body = excluded.body,
            ended_at = NULL WHERE $8 AND webhook_delivery.state <> 'waiting'
        RETURNING subscriber_id, event_id
        """,
        [delivery.subscriber_id for delivery in deliveries],
        [delivery.event_id for delivery in deliveries],
        [delivery.type for delivery in deliveries],
        [delivery.body for delivery in deliveries],
        [delivery.state.value for delivery in deliveries],
        [delivery.attempts for delivery in deliveries],
        [delivery.created_at for delivery in deliveries],
        repeat,
    )
    return {(row["subscriber_id"], row["event_id"]) for row in rows}


async def lock_deliveries(
    uow: UnitOfWork, keys: Sequence[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], WebhookDelivery]:
    """By (subscriber, event); without those whose body was redacted."""
    rows = await uow.db.fetch(
        """
        SELECT d.* FROM webhook_delivery d JOIN unnest($1::uuid[], $2::uuid[]) AS k(subscriber_id, event_id)
            USING (subscriber_id, event_id)
        WHERE body IS NOT NULL ORDER BY d.subscriber_id, d.event_id FOR UPDATE OF d
        """,
        [subscriber_id for subscriber_id, _ in keys],
        [event_id for _, event_id in keys],
    )
    return {(row["subscriber_id"], row["event_id"]): _delivery(row) for row in rows}


async def save_delivery(uow: UnitOfWork, delivery: WebhookDelivery, *, status: int | None) -> None:
    ended = delivery.state in {WebhookState.DONE, WebhookState.FAILED}
    await uow.db.execute(
        """
        UPDATE webhook_delivery SET state = $3, attempts = $4, status = $5, ended_at = $6
        WHERE subscriber_id = $1 AND event_id = $2
        """,
        delivery.subscriber_id,
        delivery.event_id,
        delivery.state.value,
        delivery.attempts,
        status,
        uow.now if ended else None,
    )


async def release_held(uow: UnitOfWork, subscriber_id: UUID) -> list[UUID]:
    """The events of the deliveries that were held, in the order of their creation."""
    rows = await uow.db.fetch(
        """
        UPDATE webhook_delivery SET state = 'waiting' WHERE subscriber_id = $1 AND state = 'held'
        RETURNING event_id, created_at
        """,
        subscriber_id,
    )
    return [row["event_id"] for row in sorted(rows, key=lambda row: row["created_at"])]


async def count_in_flight(uow: UnitOfWork, subscribers: Iterable[UUID]) -> dict[UUID, int]:
    rows = await uow.db.fetch(
        """
        SELECT body ->> 'subscriber_id' AS subscriber, count(*) AS n FROM job
        WHERE queue = 'deliver-webhook' AND lease_token IS NOT NULL AND lease_expires_at > $2
          AND body ->> 'subscriber_id' = ANY($1::text[])
        GROUP BY subscriber
        """,
        [str(subscriber_id) for subscriber_id in subscribers],
        uow.now,
    )
    return {UUID(row["subscriber"]): row["n"] for row in rows}


async def count_deliveries(uow: UnitOfWork, subscriber_id: UUID) -> dict[str, int]:
    rows = await uow.db.fetch(
        "SELECT state, count(*) AS n FROM webhook_delivery WHERE subscriber_id = $1 GROUP BY state", subscriber_id
    )
    return {row["state"]: row["n"] for row in rows}


async def recent_deliveries(uow: UnitOfWork, subscriber_id: UUID, *, state: str | None, limit: int) -> list[Any]:
    return list(
        await uow.db.fetch(
            """
            SELECT event_id, type, state, attempts, status, created_at, ended_at FROM webhook_delivery
            WHERE subscriber_id = $1 AND ($2::text IS NULL OR state = $2) ORDER BY created_at DESC LIMIT $3
            """,
            subscriber_id,
            state,
            limit,
        )
    )


async def redact_deliveries(uow: UnitOfWork, before: datetime) -> int:
    """Deletes the bodies of deliveries that ended before then. The row stays for counts."""
    status = await uow.db.execute(
        "UPDATE webhook_delivery SET body = NULL WHERE ended_at < $1 AND body IS NOT NULL", before
    )
    return rows_changed(status)


def _subscriber(row: Any) -> Subscriber:
    return Subscriber(
        id=row["subscriber_id"],
        name=row["name"],
        url=row["url"],
        types=tuple(row["types"]),
        secrets=Sealed.model_validate(row["secrets"]),
        active=row["active"],
        created_at=row["created_at"],
    )


def _delivery(row: Any) -> WebhookDelivery:
    return WebhookDelivery(
        subscriber_id=row["subscriber_id"],
        event_id=row["event_id"],
        type=row["type"],
        body=row["body"],
        state=WebhookState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
    )
