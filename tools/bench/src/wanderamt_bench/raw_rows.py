"""The rows and records that a run left, and a program without any logic that writes them again."""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt_local.system import SERVICES, database_of

from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.sync_endpoint import UntracedSystem

AT_ONCE = 8
TABLES = """
    SELECT format('%I', c.relname) AS name,
           (SELECT array_agg(format('%I', a.attname) ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
NOT_OF_CASES = {"alembic_version", "schema_version"}
Record = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]
Inserts = list[tuple[str, list[tuple[Any, ...]]]]


@dataclass(frozen=True)
class Leavings:
    """`inserts`: by service, the statement of each table with all its rows; `records`: topic, key, value, headers."""

    cases: int
    inserts: dict[str, Inserts]
    records: list[Record]

    @property
    def record_bytes(self) -> int:
        """Keys, values and headers, not compressed, once."""
        return sum(
            len(key or b"") + len(value or b"") + sum(len(name) + len(content or b"") for name, content in headers)
            for _, key, value, headers in self.records
        )


async def read_leavings(system: UntracedSystem, *, cases: int) -> Leavings:
    return Leavings(cases, {service: await _rows(system, service) for service in SERVICES}, await _records(system))


async def replay(bench: BenchEnvironment, leavings: Leavings) -> float:
    """Cases per second: for each case one transaction in each database, and its records."""
    topics = await bench.topics()
    names = {service: f"raw_{uuid7().hex[-12:]}" for service in SERVICES}
    pools: dict[str, asyncpg.Pool] = {}
    producer = new_producer(bench.kafka.bootstrap_servers)
    await producer.start()
    try:
        for service, name in names.items():
            url = await bench.postgres.create_database(name)
            await asyncio.to_thread(migrate, url, database_of(service))
            pools[service] = await asyncpg.create_pool(
                url, min_size=AT_ONCE, max_size=AT_ONCE, server_settings={"session_replication_role": "replica"}
            )
        waiting = iter(range(leavings.cases))

        async def write_cases() -> None:
            for number in waiting:
                for service, pool in pools.items():
                    await _insert(pool, leavings.inserts[service], number, leavings.cases)
                sent = [
                    await producer.send(topics.name(topic), value, key=key, headers=headers)
                    for topic, key, value, headers in leavings.records[number :: leavings.cases]
                ]
                await asyncio.gather(*sent)

        begun = perf_counter()
        await asyncio.gather(*(write_cases() for _ in range(AT_ONCE)))
        return leavings.cases / (perf_counter() - begun)
    finally:
        await producer.stop()
        for pool in pools.values():
            await pool.close()
        for name in names.values():
            await bench.postgres.drop_database(name)


async def _insert(pool: asyncpg.Pool, inserts: Inserts, number: int, cases: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for statement, rows in inserts:
            if of_case := rows[number::cases]:
                await connection.executemany(statement, of_case)


async def _rows(system: UntracedSystem, service: str) -> Inserts:
    assert system.postgres
    connection = await asyncpg.connect(system.postgres.database_url(system.database(service)), timeout=30)
    inserts: Inserts = []
    try:
        for name, columns in await connection.fetch(TABLES):
            if name in NOT_OF_CASES:
                continue
            listed = ", ".join(columns)
            rows = [tuple(row) for row in await connection.fetch(f"SELECT {listed} FROM {name}")]
            if rows:
                values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
                statement = f"INSERT INTO {name} ({listed}) OVERRIDING SYSTEM VALUE VALUES ({values})"
                inserts.append((f"{statement} ON CONFLICT DO NOTHING", rows))
    finally:
        await connection.close()
    return inserts


async def _records(system: UntracedSystem) -> list[Record]:
    assert system.kafka
    names = {f"{system.prefix}.{topic}": topic for topic in TOPIC_OWNERS}
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=system.kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    records: list[Record] = []
    try:
        left = sum((await consumer.end_offsets(consumer.assignment())).values())
        async with asyncio.timeout(120):
            while len(records) < left:
                for batch in (await consumer.getmany(timeout_ms=1000)).values():
                    records += [
                        (names[record.topic], record.key, record.value, list(record.headers)) for record in batch
                    ]
    finally:
        await consumer.stop()
    return records
