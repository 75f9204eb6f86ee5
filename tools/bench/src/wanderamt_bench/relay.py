"""Outbox to Kafka: our relay compared with a raw producer, a bare relay of forty lines, and a library."""

import asyncio
from typing import Any

import asyncpg
from faststream.kafka import KafkaBroker
from faststream_outbox import OutboxBroker, make_outbox_table
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from wanderamt.backbone.messaging.relay import Relay, new_producer
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database

from wanderamt_bench.bare_messaging import record_of_outbox_row, relay_batch
from wanderamt_bench.bench_environment import AUTHORITY, BenchEnvironment, fill_outbox, is_empty, rate, wait_until

COLUMNS = "event_id, type, aggregate, version, value, emitted_at"
LIBRARY_TIMEOUT_S = 120
LIBRARY_SHARE = 10  # the library gets a tenth of the rows: it is much slower


async def bench_relay(bench: BenchEnvironment) -> None:
    count = bench.scaled(60_000)
    raw: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    library: list[tuple[float, float]] = []
    async with bench.database() as database:
        topics = await bench.topics()
        await relay_all(bench, database, topics, bench.scaled(10_000))  # warms up the JVM of the broker
        for _ in range(bench.rounds):
            produced = await _raw(bench, database, topics, count)
            by_hand = await _bare(bench, database, topics, count)
            ours = await relay_all(bench, database, topics, count)
            by_library = await _library(bench, topics, count // LIBRARY_SHARE)
            raw.append((produced, ours))
            bare.append((by_hand, ours))
            library.append((by_library, ours))
    load = f"{count} rows of 1 KB, 1000 aggregates, 12 partitions, acks=all"
    bench.record("relay / raw pipelined producer", "messages/s", raw, load)
    bench.record("relay / bare relay", "messages/s", bare, load)
    bench.record(
        "relay / faststream-outbox tuned", "messages/s", library, f"{load}; the library {count // LIBRARY_SHARE}"
    )


async def _raw(bench: BenchEnvironment, database: Database, topics: Topics, count: int) -> float:
    """Without a database: sends the same records from memory."""
    await fill_outbox(database, count)
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT * FROM outbox ORDER BY id")
        await uow.db.execute("TRUNCATE outbox")
    records = [record_of_outbox_row(row, topics.prefix) for row in rows]
    producer = new_producer(bench.kafka.bootstrap_servers)
    await producer.start()

    async def send() -> None:
        acks = [await producer.send(name, value, key=key, headers=headers) for name, key, value, headers in records]
        for ack in acks:
            await ack

    try:
        return await rate(count, send)
    finally:
        await producer.stop()


async def _bare(bench: BenchEnvironment, database: Database, topics: Topics, count: int) -> float:
    """The bare relay. No lock, no heartbeat, no reconnect, no trace."""
    await fill_outbox(database, count)
    connection = await asyncpg.connect(database.url)
    producer = new_producer(bench.kafka.bootstrap_servers)
    await producer.start()

    async def drain() -> None:
        while await relay_batch(connection, producer, topics.prefix, read=record_of_outbox_row, columns=COLUMNS):
            pass

    try:
        return await rate(count, drain)
    finally:
        await producer.stop()
        await connection.close()


async def relay_all(bench: BenchEnvironment, database: Database, topics: Topics, count: int) -> float:
    """Messages per second of our relay."""
    await fill_outbox(database, count)
    relay = Relay(database, bench.kafka.bootstrap_servers, topics, authority=AUTHORITY)

    async def drain() -> None:
        await relay.start()
        await wait_until(lambda: is_empty(database, "outbox"))

    try:
        return await rate(count, drain)
    finally:
        await relay.stop()


async def _library(bench: BenchEnvironment, topics: Topics, count: int) -> float:
    """faststream-outbox, tuned as its documentation allows: 16 workers, fetch 500, flush 100, poll 50 ms, acks=all, idempotent."""
    url = await bench.postgres.create_database("bench_library")
    metadata = MetaData()
    table = make_outbox_table(metadata, table_name="outbox")
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=20)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    broker = OutboxBroker(engine, outbox_table=table, logger=None)
    kafka = KafkaBroker(
        bench.kafka.bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=262_144, logger=None
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
        async with asyncio.timeout(LIBRARY_TIMEOUT_S):
            while done < count:
                await asyncio.sleep(0.01)

    try:
        return await rate(count, drain)
    finally:
        await broker.stop()
        await kafka.stop()
        await engine.dispose()
        await bench.postgres.drop_database("bench_library")
