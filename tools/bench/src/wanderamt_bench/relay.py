"""Outbox to Kafka: the raw producer, a bare relay of forty lines, ours, and the library that does the same."""

import asyncio
from typing import Any

import asyncpg
from faststream.kafka import KafkaBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from wanderamt.backbone.database import Database
from wanderamt.backbone.relay import Relay, new_producer
from wanderamt.backbone.topics import Topics

from wanderamt_bench.by_hand import by_hand, relay_batch
from wanderamt_bench.stage import Stage, empty, fill_outbox, rate, until

COLUMNS = "event_id, type, aggregate, version, value, emitted_at"
RIVAL_TIMEOUT_S = 120
RIVAL_SHARE = 10  # the rival gets a tenth of the rows, or its run would be most of the bench


async def bench_relay(stage: Stage) -> None:
    count = stage.rows(60_000)
    raw: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    rival: list[tuple[float, float]] = []
    async with stage.database() as database:
        topics = await stage.topics()
        await relay_all(stage, database, topics, stage.rows(10_000))  # warms the broker's JVM
        for _ in range(stage.rounds):
            produced = await _raw(stage, database, topics, count)
            by_hand = await _bare(stage, database, topics, count)
            ours = await relay_all(stage, database, topics, count)
            library = await _rival(stage, topics, count // RIVAL_SHARE)
            raw.append((produced, ours))
            bare.append((by_hand, ours))
            rival.append((library, ours))
    load = f"{count} rows of 1 KB, 1000 aggregates, 12 partitions, acks=all"
    stage.note("relay / raw pipelined producer", "messages/s", raw, load)
    stage.note("relay / bare relay", "messages/s", bare, load)
    stage.note("relay / faststream-outbox tuned", "messages/s", rival, f"{load}; the rival {count // RIVAL_SHARE}")


async def _raw(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """No database at all: the same records, already in memory."""
    await fill_outbox(database, count)
    async with database.work() as work:
        rows = await work.db.fetch("SELECT * FROM outbox ORDER BY id")
        await work.db.execute("TRUNCATE outbox")
    records = [by_hand(row, topics.prefix) for row in rows]
    producer = new_producer(stage.kafka.bootstrap_servers)
    await producer.start()

    async def send() -> None:
        acks = [await producer.send(name, value, key=key, headers=headers) for name, key, value, headers in records]
        for ack in acks:
            await ack

    try:
        return await rate(count, send)
    finally:
        await producer.stop()


async def _bare(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """By hand: oldest rows, send in order, delete. No lock, no heartbeat, no reconnect, no trace."""
    await fill_outbox(database, count)
    connection = await asyncpg.connect(database.url)
    producer = new_producer(stage.kafka.bootstrap_servers)
    await producer.start()

    async def drain() -> None:
        while await relay_batch(connection, producer, topics.prefix, read=by_hand, columns=COLUMNS):
            pass

    try:
        return await rate(count, drain)
    finally:
        await producer.stop()
        await connection.close()


async def relay_all(stage: Stage, database: Database, topics: Topics, count: int) -> float:
    """Messages per second of ours."""
    await fill_outbox(database, count)
    relay = Relay(database, stage.kafka.bootstrap_servers, topics)

    async def drain() -> None:
        await relay.start()
        await until(lambda: empty(database, "outbox"))

    try:
        return await rate(count, drain)
    finally:
        await relay.stop()


async def _rival(stage: Stage, topics: Topics, count: int) -> float:
    """Tuned as its documentation allows: 16 workers, fetch 500, flush 100, poll 50 ms, acks=all, idempotent."""
    url = await stage.postgres.create_database("bench_rival")
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="outbox")
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=20)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    broker = OutboxBroker(engine, outbox_table=table, logger=None)
    kafka = KafkaBroker(
        stage.kafka.bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=262_144, logger=None
    )
    done = 0
    name = topics.name("stand.v1")

    @broker.subscriber(
        "relay",
        max_workers=16,
        fetch_batch_size=500,
        min_fetch_interval=0.05,
        terminal_flush_batch_size=100,
        propagate_inbound_headers=True,
    )
    async def relay(body: dict[str, Any]) -> None:
        nonlocal done
        await kafka.publish(body, topic=name, key=body["stand_id"].encode())
        done += 1

    bodies = [{"stand_id": f"{number % 1000:036}", "reason": "x" * 900} for number in range(count)]
    async with engine.begin() as connection:
        for start in range(0, count, 500):
            await broker.publish_batch(*bodies[start : start + 500], queue="relay", session=connection)
    await kafka.connect()

    async def drain() -> None:
        await broker.start()
        async with asyncio.timeout(RIVAL_TIMEOUT_S):
            while done < count:
                await asyncio.sleep(0.01)

    try:
        return await rate(count, drain)
    finally:
        await broker.stop()
        await kafka.stop()
        await engine.dispose()
        await stage.postgres.drop_database("bench_rival")
