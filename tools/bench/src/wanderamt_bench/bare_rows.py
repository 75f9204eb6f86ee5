"""The raw sum of whole cases: the rows and records that the services left behind, written again by a minimal program.

Invariants: the same rows into the same tables with the same indexes, and the same records, waiting for the same
acknowledgements; per case one transaction in each database and one batch of records. No requests, no registers, no
papers that are rendered, no encryption, no messages: these are already in the rows.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.backbone.persistence.migrations import migrate

from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.costs import Record

CLIENTS = 4
TABLES = """
    SELECT c.oid::regclass::text AS name,
           array_agg(quote_ident(a.attname) ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
      AND c.relname NOT LIKE 'alembic%'
    GROUP BY c.oid
"""


@dataclass(frozen=True, slots=True)
class RowsOfTable:
    name: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    @property
    def insert(self) -> str:
        places = ", ".join(f"${number}" for number in range(1, len(self.columns) + 1))
        return (
            f"INSERT INTO {self.name} ({', '.join(self.columns)})"
            f" OVERRIDING SYSTEM VALUE VALUES ({places}) ON CONFLICT DO NOTHING"
        )


async def read_rows(url: str) -> list[RowsOfTable]:
    """All rows of a database, by table."""
    connection = await asyncpg.connect(url)
    try:
        tables = []
        for table in await connection.fetch(TABLES):
            columns = tuple(table["columns"])
            rows = await connection.fetch(f"SELECT {', '.join(columns)} FROM {table['name']}")
            tables.append(RowsOfTable(table["name"], columns, [tuple(row) for row in rows]))
        return [table for table in tables if table.rows]
    finally:
        await connection.close()


class BareRows:
    """`pools` and `rows`: by service."""

    def __init__(self, pools: dict[str, Any], producer: Any, rows: dict[str, list[RowsOfTable]], topic: str) -> None:
        self.pools = pools
        self.producer = producer
        self.rows = rows
        self.topic = topic

    async def write(self, count: int, records: Sequence[Record]) -> None:
        """The rows and records of `count` cases."""
        cases = list(range(count))

        async def client() -> None:
            while cases:
                number = cases.pop()
                await asyncio.gather(*(self._write_rows(service, number, count) for service in self.pools))
                sent = [
                    await self.producer.send(self.topic, value, key=key, headers=list(headers))
                    for _, key, value, headers in records[number::count]
                ]
                await asyncio.gather(*sent)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))

    async def _write_rows(self, service: str, number: int, count: int) -> None:
        async with self.pools[service].acquire() as connection, connection.transaction():
            for table in self.rows[service]:
                if rows := table.rows[number::count]:
                    await connection.executemany(table.insert, rows)

    async def clear(self) -> None:
        for service, pool in self.pools.items():
            await pool.execute(f"TRUNCATE {', '.join(table.name for table in self.rows[service])} CASCADE")


@asynccontextmanager
async def open_bare_rows(bench: BenchEnvironment, rows: dict[str, list[RowsOfTable]]) -> AsyncIterator[BareRows]:
    """`rows`: by service. Databases with the tables of the services, a topic, and connections."""
    names = {service: f"bare_{uuid7().hex[-12:]}" for service in rows}
    topics = await bench.topics()
    producer = new_producer(bench.kafka.bootstrap_servers)
    pools: dict[str, Any] = {}
    try:
        for service, name in names.items():
            url = await bench.postgres.create_database(name)
            await asyncio.to_thread(migrate, url, service.replace("-", "_"))
            # rows arrive in the order of the tables: no foreign key is checked
            settings = {"session_replication_role": "replica"}
            pools[service] = await asyncpg.create_pool(url, min_size=CLIENTS, server_settings=settings)
        await producer.start()
        yield BareRows(pools, producer, rows, topics.name("case.v1"))
    finally:
        await producer.stop()
        for pool in pools.values():
            await pool.close()
        for name in names.values():
            await bench.postgres.drop_database(name)
