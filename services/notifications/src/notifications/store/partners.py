"""Subscribers and what was delivered to them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work, rows_changed
from wanderamt.kernel.sealed import Sealed

from notifications.domain.partner import Delivery, DeliveryState, Subscriber


async def add_subscriber(work: Work, subscriber: Subscriber) -> bool:
    """False when the name is taken."""
    status = await work.db.execute(
        "INSERT INTO subscriber VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (name) DO NOTHING",
        subscriber.id,
        subscriber.name,
        subscriber.url,
        list(subscriber.types),
        subscriber.secrets.model_dump(mode="json"),
        subscriber.active,
        subscriber.made_at,
    )
    return bool(status == "INSERT 0 1")


async def subscribers(work: Work) -> list[Subscriber]:
    return [_subscriber(row) for row in await work.db.fetch("SELECT * FROM subscriber ORDER BY name")]


async def lock_subscribers(work: Work, ids: Iterable[UUID]) -> list[Subscriber]:
    rows = await work.db.fetch(
        "SELECT * FROM subscriber WHERE subscriber_id = ANY($1::uuid[]) ORDER BY subscriber_id FOR UPDATE", list(ids)
    )
    return [_subscriber(row) for row in rows]


async def lock_subscriber(work: Work, subscriber_id: UUID) -> Subscriber | None:
    return next(iter(await lock_subscribers(work, [subscriber_id])), None)


async def save_subscriber(work: Work, subscriber: Subscriber) -> None:
    await work.db.execute(
        """
        UPDATE subscriber SET url = $2, types = $3, secrets = $4, active = $5, changed_at = $6
        WHERE subscriber_id = $1
        """,
        subscriber.id,
        subscriber.url,
        list(subscriber.types),
        subscriber.secrets.model_dump(mode="json"),
        subscriber.active,
        work.now,
    )


async def remove_subscriber(work: Work, subscriber_id: UUID) -> bool:
    status = await work.db.execute("DELETE FROM subscriber WHERE subscriber_id = $1", subscriber_id)
    return bool(status == "DELETE 1")


async def add_deliveries(work: Work, deliveries: Sequence[Delivery], *, again: bool = False) -> set[tuple[UUID, UUID]]:
    """Those that are to go: the new ones; with `again` also those that ended or were given up."""
    if not deliveries:
        return set()
    rows = await work.db.fetch(
        """
        INSERT INTO delivery (subscriber_id, event_id, type, body, state, tries, since)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::int[], $7::timestamptz[])
        ON CONFLICT (subscriber_id, event_id) DO UPDATE SET state = excluded.state, tries = 0, body = excluded.body,
            ended_at = NULL WHERE $8 AND delivery.state <> 'waiting'
        RETURNING subscriber_id, event_id
        """,
        [one.subscriber_id for one in deliveries],
        [one.event_id for one in deliveries],
        [one.type for one in deliveries],
        [one.body for one in deliveries],
        [one.state.value for one in deliveries],
        [one.tries for one in deliveries],
        [one.since for one in deliveries],
        again,
    )
    return {(row["subscriber_id"], row["event_id"]) for row in rows}


async def lock_deliveries(work: Work, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Delivery]:
    """(subscriber, event) → those whose body is still there."""
    rows = await work.db.fetch(
        """
        SELECT d.* FROM delivery d JOIN unnest($1::uuid[], $2::uuid[]) AS k(subscriber_id, event_id)
            USING (subscriber_id, event_id)
        WHERE body IS NOT NULL ORDER BY d.subscriber_id, d.event_id FOR UPDATE OF d
        """,
        [subscriber for subscriber, _ in keys],
        [event for _, event in keys],
    )
    return {(row["subscriber_id"], row["event_id"]): _delivery(row) for row in rows}


async def save_delivery(work: Work, delivery: Delivery, *, status: int | None) -> None:
    ended = delivery.state in {DeliveryState.DONE, DeliveryState.FAILED}
    await work.db.execute(
        """
        UPDATE delivery SET state = $3, tries = $4, status = $5, ended_at = $6
        WHERE subscriber_id = $1 AND event_id = $2
        """,
        delivery.subscriber_id,
        delivery.event_id,
        delivery.state.value,
        delivery.tries,
        status,
        work.now if ended else None,
    )


async def release_held(work: Work, subscriber_id: UUID) -> list[UUID]:
    """What waited while the partner was paused, in the order it came."""
    rows = await work.db.fetch(
        "UPDATE delivery SET state = 'waiting' WHERE subscriber_id = $1 AND state = 'held' RETURNING event_id, since",
        subscriber_id,
    )
    return [row["event_id"] for row in sorted(rows, key=lambda one: one["since"])]


async def count_under_way(work: Work, subscribers: Iterable[UUID]) -> dict[UUID, int]:
    rows = await work.db.fetch(
        """
        SELECT body ->> 'subscriber_id' AS subscriber, count(*) AS n FROM job
        WHERE queue = 'deliver-hook' AND lease IS NOT NULL AND leased_until > $2
          AND body ->> 'subscriber_id' = ANY($1::text[])
        GROUP BY subscriber
        """,
        [str(one) for one in subscribers],
        work.now,
    )
    return {UUID(row["subscriber"]): row["n"] for row in rows}


async def count_deliveries(work: Work, subscriber_id: UUID) -> dict[str, int]:
    rows = await work.db.fetch(
        "SELECT state, count(*) AS n FROM delivery WHERE subscriber_id = $1 GROUP BY state", subscriber_id
    )
    return {row["state"]: row["n"] for row in rows}


async def recent_deliveries(work: Work, subscriber_id: UUID, *, state: str | None, limit: int) -> list[Any]:
    return list(
        await work.db.fetch(
            """
            SELECT event_id, type, state, tries, status, since, ended_at FROM delivery
            WHERE subscriber_id = $1 AND ($2::text IS NULL OR state = $2) ORDER BY since DESC LIMIT $3
            """,
            subscriber_id,
            state,
            limit,
        )
    )


async def forget_deliveries(work: Work, before: datetime) -> int:
    """Bodies of what ended before then; the row stays and is counted."""
    status = await work.db.execute("UPDATE delivery SET body = NULL WHERE ended_at < $1 AND body IS NOT NULL", before)
    return rows_changed(status)


def _subscriber(row: Any) -> Subscriber:
    return Subscriber(
        id=row["subscriber_id"],
        name=row["name"],
        url=row["url"],
        types=tuple(row["types"]),
        secrets=Sealed.model_validate(row["secrets"]),
        active=row["active"],
        made_at=row["made_at"],
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        subscriber_id=row["subscriber_id"],
        event_id=row["event_id"],
        type=row["type"],
        body=row["body"],
        state=DeliveryState(row["state"]),
        tries=row["tries"],
        since=row["since"],
    )
