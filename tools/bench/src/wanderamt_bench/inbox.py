"""From Kafka to effects: our inbox compared with raw getmany and the same SQL."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled

from wanderamt_bench.bench_environment import AUTHORITY, BenchEnvironment, fill_outbox, is_empty, rate, wait_until

PROJECTION = (
    "CREATE TABLE IF NOT EXISTS seen (stand_id uuid PRIMARY KEY, reason text NOT NULL, at timestamptz NOT NULL)"
)
SAVE = """
    INSERT INTO seen (stand_id, reason, at)
    SELECT DISTINCT ON (id) id, reason, at
    FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) WITH ORDINALITY AS s(id, reason, at, place)
    ORDER BY id, place DESC
    ON CONFLICT (stand_id) DO UPDATE SET reason = excluded.reason, at = excluded.at
"""


async def bench_inbox(bench: BenchEnvironment) -> None:
    count = bench.scaled(50_000)
    topics = await bench.topics()
    pairs: list[tuple[float, float]] = []
    async with bench.database() as database:
        await fill_topic(bench, database, topics, count)
        for _ in range(bench.rounds):
            async with bench.database() as bare_database, bench.database() as our_database:
                bare = await _bare(bench, bare_database, topics, count)
                pairs.append((bare, await consume_in_bulk(bench, our_database, topics, count)))
    load = f"{count} events of 1 KB, 1000 aggregates, batches of 500, one bulk upsert per batch"
    bench.record("inbox / raw getmany with the same SQL", "events/s", pairs, load)


async def fill_topic(
    bench: BenchEnvironment, database: Database, topics: Topics, count: int, *, aggregates: int = 1000
) -> None:
    await fill_outbox(database, count, aggregates=aggregates)
    relay = Relay(database, bench.kafka.bootstrap_servers, topics, authority=AUTHORITY)
    await relay.start()
    await wait_until(lambda: is_empty(database, "outbox"))
    await relay.stop()


async def consume_in_bulk(bench: BenchEnvironment, database: Database, topics: Topics, count: int) -> float:
    """Events per second of a new consumer with one bulk upsert per batch."""

    consumer = EventConsumer("bench", name=f"bench-{uuid7().hex[-8:]}")

    @consumer.on_batch(StandCancelled)
    async def on_cancelled(events: Sequence[StandCancelled], uow: UnitOfWork) -> None:
        await uow.db.execute(
            SAVE, [e.stand_id for e in events], [e.reason for e in events], [e.cancelled_at for e in events]
        )

    await _create_projection(database)
    return await _consume(bench, database, topics, consumer, count)


async def _consume(
    bench: BenchEnvironment, database: Database, topics: Topics, consumer: EventConsumer, count: int
) -> float:
    inbox = Inbox(consumer, database, bench.kafka.bootstrap_servers, topics, authority=AUTHORITY)

    async def drain() -> None:
        await inbox.start()
        while inbox.handled < count:
            await asyncio.sleep(0.005)

    try:
        return await rate(count, drain)
    finally:
        await inbox.stop()


async def _bare(bench: BenchEnvironment, database: Database, topics: Topics, count: int) -> float:
    """The bare consumer: getmany, one transaction (ids, versions, projection), then the offsets. No dead letters."""
    await _create_projection(database)
    connection = await asyncpg.connect(database.url)
    consumer = _consumer(bench, topics)

    async def drain() -> None:
        await consumer.start()
        done = 0
        while done < count:
            for tp, records in (await consumer.getmany(timeout_ms=200, max_records=500)).items():
                done += await _process_bare_batch(connection, tp, records)
            await consumer.commit()

    try:
        return await rate(count, drain)
    finally:
        await consumer.stop()
        await connection.close()


async def _process_bare_batch(connection: Any, tp: TopicPartition, records: list[Any]) -> int:
    parsed = [(dict(record.headers), json.loads(record.value)) for record in records]
    async with connection.transaction():
        new = {
            row["event_id"]
            for row in await connection.fetch(
                """
                INSERT INTO inbox (consumer, event_id) SELECT 'bare', id FROM unnest($1::uuid[]) id
                ON CONFLICT DO NOTHING RETURNING event_id
                """,
                [headers["ce_id"].decode() for headers, _ in parsed],
            )
        }
        fresh = [(headers, value) for headers, value in parsed if UUID(headers["ce_id"].decode()) in new]
        subjects = [headers["ce_subject"].decode() for headers, _ in fresh]
        rows = await connection.fetch(
            "SELECT aggregate, version FROM inbox_version"
            " WHERE consumer = 'bare' AND topic = $1 AND aggregate = ANY($2::uuid[])",
            tp.topic,
            subjects,
        )
        known = {str(row["aggregate"]): row["version"] for row in rows}
        newer = [
            (headers, value)
            for headers, value in fresh
            if int(headers["ce_sequence"]) > known.get(headers["ce_subject"].decode(), 0)
        ]
        last = {headers["ce_subject"].decode(): int(headers["ce_sequence"]) for headers, _ in newer}
        await connection.execute(
            """
            INSERT INTO inbox_version (consumer, topic, aggregate, version)
            SELECT 'bare', $1, * FROM unnest($2::uuid[], $3::int[])
            ON CONFLICT (consumer, topic, aggregate) DO UPDATE SET version = excluded.version
            """,
            tp.topic,
            list(last),
            list(last.values()),
        )
        await connection.execute(
            SAVE.replace("$3::timestamptz[]", "$3::text[]").replace(
                "reason, at\n    FROM", "reason, at::timestamptz\n    FROM"
            ),
            [value["stand_id"] for _, value in newer],
            [value["reason"] for _, value in newer],
            [value["cancelled_at"] for _, value in newer],
        )
        await connection.execute(
            """
            INSERT INTO inbox_watermark (consumer, topic, partition, next_offset) VALUES ('bare', $1, $2, $3)
            ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
            """,
            tp.topic,
            tp.partition,
            records[-1].offset + 1,
        )
    return len(records)


def _consumer(bench: BenchEnvironment, topics: Topics) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topics.name("stand.v1"),
        bootstrap_servers=bench.kafka.bootstrap_servers,
        group_id=f"{topics.prefix}bare-{uuid7().hex}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )


async def _create_projection(database: Database) -> None:
    async with database.unit_of_work() as uow:
        await uow.db.execute(PROJECTION)
