"""The bare version of outbox and inbox: what a good engineer writes by hand with asyncpg and aiokafka.

Invariants: the same steps, commits and acknowledgements as ours, so the same durability; no locks, leases,
deduplication by version, traces, roles or encryption.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import new_producer

BATCH = 500
CHANNEL = "bare_outbox"
SCHEMA = """
    CREATE TABLE IF NOT EXISTS outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, key bytea NOT NULL,
        value bytea NOT NULL, headers jsonb NOT NULL
    );
    CREATE TABLE IF NOT EXISTS inbox (consumer text, event_id uuid, PRIMARY KEY (consumer, event_id));
    CREATE TABLE IF NOT EXISTS attempt (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer text, event_id uuid, at timestamptz DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS entry (
        entry_id uuid PRIMARY KEY, case_id uuid NOT NULL, device_seq bigint NOT NULL, body jsonb NOT NULL
    );
    CREATE TABLE IF NOT EXISTS case_file (
        case_id uuid PRIMARY KEY, version integer NOT NULL, state text NOT NULL, body jsonb NOT NULL
    );
    CREATE TABLE IF NOT EXISTS document (case_id uuid PRIMARY KEY, pdf bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS notice (case_id uuid PRIMARY KEY, state text NOT NULL);
"""


Message = tuple[str, bytes, bytes, list[tuple[str, bytes]]]


def record_of_outbox_row(row: Any, prefix: str) -> Message:
    """The Kafka record of a row of our outbox: topic, key, value, headers."""
    subject = str(row["aggregate"]).encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_type", row["type"].encode()),
        ("ce_source", b"/wanderamt/scheduling"),
        ("ce_subject", subject),
        ("ce_time", row["emitted_at"].isoformat().encode()),
        ("ce_dataschema", f"urn:wanderamt:schema:{row['type']}".encode()),
        ("ce_sequence", str(row["version"]).encode()),
        ("ce_partitionkey", subject),
        ("content-type", b"application/json"),
    ]
    return f"{prefix}stand.v1", subject, row["value"], headers


def record_of_bare_row(row: Any, prefix: str) -> Message:
    """The Kafka record of a row of the bare outbox."""
    headers = [(key, value.encode()) for key, value in json.loads(row["headers"]).items()]
    return prefix + row["topic"], row["key"], row["value"], headers


async def relay_batch(
    connection: Any,
    producer: Any,
    prefix: str = "",
    *,
    read: Callable[[Any, str], Message] = record_of_bare_row,
    columns: str = "topic, key, value, headers",
) -> int:
    """Reads the oldest rows, sends them in order, deletes them."""
    rows = await connection.fetch(f"SELECT id, {columns} FROM outbox ORDER BY id LIMIT $1", BATCH)
    acks = []
    for row in rows:
        name, key, value, headers = read(row, prefix)
        acks.append(await producer.send(name, value, key=key, headers=headers))
    for ack in acks:
        await ack
    if rows:
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
    return len(rows)


async def run_relay(url: str, bootstrap_servers: str, prefix: str = "") -> None:
    connection = await asyncpg.connect(url)
    signal = asyncio.Event()
    await connection.add_listener(CHANNEL, lambda *_: signal.set())
    producer = new_producer(bootstrap_servers)
    await producer.start()
    try:
        while True:
            signal.clear()
            if await relay_batch(connection, producer, prefix) < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(signal.wait(), 0.2)
    finally:
        await producer.stop()
        await connection.close()


async def insert_event(connection: Any, topic: str, subject: str, version: int, value: dict[str, Any]) -> None:
    await insert_events(connection, [(topic, subject, version, value)])


async def insert_events(connection: Any, events: list[tuple[str, str, int, dict[str, Any]]]) -> None:
    headers = [
        json.dumps({"ce_id": str(uuid7()), "ce_subject": subject, "ce_sequence": str(version)})
        for _, subject, version, _ in events
    ]
    await connection.execute(
        "INSERT INTO outbox (topic, key, value, headers) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::jsonb[])",
        [topic for topic, *_ in events],
        [subject.encode() for _, subject, *_ in events],
        [json.dumps(value).encode() for *_, value in events],
        headers,
    )


async def run_consumer(
    bootstrap_servers: str,
    pool: Any,
    topic: str,
    group: str,
    handle: Callable[[dict[str, Any], Any], Awaitable[Callable[[Any], Awaitable[None]]]],
) -> None:
    """`handle(value, record)` does the external call and returns the writes for the transaction that stores the event id.

    As in our version, each attempt is stored before the call, so that a crash leaves a trace of it.
    """
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    slots = asyncio.Semaphore(8)

    async def process(record: Any) -> None:
        async with slots:
            event_id = UUID(dict(record.headers)["ce_id"].decode())
            await pool.execute("INSERT INTO attempt (consumer, event_id) VALUES ($1, $2)", group, event_id)
            write = await handle(json.loads(record.value), record)
            async with pool.acquire() as connection:
                async with connection.transaction():
                    status = await connection.execute(
                        "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", group, event_id
                    )
                    if status == "INSERT 0 1":
                        await write(connection)
                await connection.execute(f"NOTIFY {CHANNEL}")

    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
                await asyncio.gather(*map(process, records))
            await consumer.commit()
    finally:
        await consumer.stop()
