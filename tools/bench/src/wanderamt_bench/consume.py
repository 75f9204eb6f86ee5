"""Kafka to effects: raw getmany with the same SQL against the inbox, and keyed lanes against one by one."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox, Many
from wanderamt.backbone.lanes import Prepared
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled

from wanderamt_bench.stage import Stage, empty, fill_outbox, rate, until

HANDLER_S = 0.003
MANY_KEYS, FEW_KEYS = 1000, 50
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


async def bench_inbox(stage: Stage) -> None:
    count = stage.rows(50_000)
    topics = await stage.topics()
    pairs: list[tuple[float, float]] = []
    async with stage.database() as database:
        await fill_topic(stage, database, topics, count)
        for _ in range(stage.rounds):
            async with stage.database() as one, stage.database() as other:
                bare = await _bare(stage, one, topics, count)
                pairs.append((bare, await bulk_through_inbox(stage, other, topics, count)))
    load = f"{count} events of 1 KB, 1000 aggregates, batches of 500, one bulk upsert a batch"
    stage.note("inbox / raw getmany with the same SQL", "events/s", pairs, load)


async def bench_lanes(stage: Stage) -> None:
    """A handler that takes 3 ms: one event after the other with a commit each, against lanes per aggregate.

    Many keys, as cases are; and so few that some partitions hold a single one.
    """
    for keys, name in ((MANY_KEYS, "keyed lanes / one by one"), (FEW_KEYS, "keyed lanes with few keys / one by one")):
        await _bench_lanes(stage, name, keys)


async def _bench_lanes(stage: Stage, name: str, keys: int) -> None:
    count = stage.rows(20_000)
    topics = await stage.topics()
    pairs: list[tuple[float, float]] = []
    async with stage.database() as database:
        await fill_topic(stage, database, topics, count, aggregates=keys)
        for _ in range(stage.rounds):
            one_by_one = await _one_by_one(stage, topics, max(100, count // 20))
            async with stage.database() as other:
                pairs.append((one_by_one, await through_lanes(stage, other, topics, count)))
    stage.note(name, "events/s", pairs, f"{count} events, {keys} keys, 3 ms each, 20 slots")


async def fill_topic(stage: Stage, database: Database, topics: Topics, count: int, *, aggregates: int = 1000) -> None:
    await fill_outbox(database, count, aggregates=aggregates)
    relay = Relay(database, stage.kafka.bootstrap_servers, topics)
    await relay.start()
    await until(lambda: empty(database, "outbox"))
    await relay.stop()


async def bulk_through_inbox(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """Events per second into one bulk upsert a batch, by a consumer that has read nothing yet."""

    async def on_cancelled(events: Sequence[StandCancelled], work: Work) -> None:
        await work.db.execute(
            SAVE, [e.stand_id for e in events], [e.reason for e in events], [e.cancelled_at for e in events]
        )

    await _project(database)
    return await _consume(stage, database, topics, {StandCancelled: Many(on_cancelled)}, count)


async def through_lanes(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """Events per second of a handler that takes 3 ms, by a consumer that has read nothing yet."""
    preparing: set[UUID] = set()
    inversions = done = 0

    async def prepare(event: StandCancelled) -> UUID:
        nonlocal inversions
        inversions += event.stand_id in preparing  # two of one aggregate at a time could overtake each other
        preparing.add(event.stand_id)
        await asyncio.sleep(HANDLER_S)
        preparing.discard(event.stand_id)
        return event.stand_id

    async def on_cancelled(_: StandCancelled, __: UUID, ___: Work) -> None:
        nonlocal done
        done += 1

    lanes = Prepared(prepare, on_cancelled, slots=20)
    per_s = await _consume(stage, database, topics, {StandCancelled: lanes}, count)
    assert inversions == 0
    assert done == count
    return per_s


async def _consume(stage: Stage, database: Database, topics: Topics, on: dict[Any, Any], count: int) -> float:
    inbox = Inbox(f"bench-{uuid7().hex[-8:]}", on, database, stage.kafka.bootstrap_servers, topics)

    async def drain() -> None:
        await inbox.start()
        while inbox.handled < count:
            await asyncio.sleep(0.005)

    try:
        return await rate(count, drain)
    finally:
        await inbox.stop()


async def _bare(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """By hand: getmany, one transaction (ids, versions, projection), then the offsets. No parking, no quarantine."""
    await _project(database)
    connection = await asyncpg.connect(database.url)
    consumer = _consumer(stage, topics)

    async def drain() -> None:
        await consumer.start()
        done = 0
        while done < count:
            for tp, records in (await consumer.getmany(timeout_ms=200, max_records=500)).items():
                done += await _take_bare(connection, tp, records)
            await consumer.commit()

    try:
        return await rate(count, drain)
    finally:
        await consumer.stop()
        await connection.close()


async def _take_bare(connection: Any, tp: TopicPartition, records: list[Any]) -> int:
    heads = [(dict(record.headers), json.loads(record.value)) for record in records]
    async with connection.transaction():
        new = {
            row["event_id"]
            for row in await connection.fetch(
                """
                INSERT INTO inbox (consumer, event_id) SELECT 'bare', id FROM unnest($1::uuid[]) id
                ON CONFLICT DO NOTHING RETURNING event_id
                """,
                [head["ce_id"].decode() for head, _ in heads],
            )
        }
        fresh = [(head, value) for head, value in heads if UUID(head["ce_id"].decode()) in new]
        subjects = [head["ce_subject"].decode() for head, _ in fresh]
        rows = await connection.fetch(
            "SELECT aggregate, version FROM inbox_version WHERE consumer = 'bare' AND aggregate = ANY($1::uuid[])",
            subjects,
        )
        known = {str(row["aggregate"]): row["version"] for row in rows}
        newer = [
            (head, value)
            for head, value in fresh
            if int(head["ce_sequence"]) > known.get(head["ce_subject"].decode(), 0)
        ]
        last = {head["ce_subject"].decode(): int(head["ce_sequence"]) for head, _ in newer}
        await connection.execute(
            """
            INSERT INTO inbox_version (consumer, aggregate, version) SELECT 'bare', * FROM unnest($1::uuid[], $2::int[])
            ON CONFLICT (consumer, aggregate) DO UPDATE SET version = excluded.version
            """,
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
            INSERT INTO inbox_mark (consumer, topic, partition, next_offset) VALUES ('bare', $1, $2, $3)
            ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
            """,
            tp.topic,
            tp.partition,
            records[-1].offset + 1,
        )
    return len(records)


async def _one_by_one(stage: Stage, topics: Topics, count: int) -> float:
    consumer = _consumer(stage, topics)

    async def drain() -> None:
        await consumer.start()
        for _ in range(count):
            await consumer.getone()
            await asyncio.sleep(HANDLER_S)
            await consumer.commit()

    try:
        return await rate(count, drain)
    finally:
        await consumer.stop()


def _consumer(stage: Stage, topics: Topics) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topics.name("stand.v1"),
        bootstrap_servers=stage.kafka.bootstrap_servers,
        group_id=f"{topics.prefix}bare-{uuid7().hex}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )


async def _project(database: Database) -> None:
    async with database.work() as work:
        await work.db.execute(PROJECTION)
