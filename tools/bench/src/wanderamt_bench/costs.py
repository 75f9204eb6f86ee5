"""What work costs: processor time of processes, and bytes written to PostgreSQL and Kafka.

Invariants: a process counts with its children, also those that have ended.
"""

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from wanderamt_local.postgres import Postgres

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PARENT, OWN_TICKS = 1, slice(11, 15)  # of /proc/PID/stat, behind the name: user and system time, then of ended children

Record = tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""Topic, key, value, headers."""


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """By the name of the process."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(folder.name)
        parents[pid], ticks[pid] = int(fields[PARENT]), sum(map(int, fields[OWN_TICKS]))
    return {
        name: sum(ticks[pid] for pid in ticks if root in _with_ancestors(pid, parents)) / TICKS_PER_S
        for name, root in pids.items()
    }


def _with_ancestors(pid: int, parents: Mapping[int, int]) -> list[int]:
    chain = []
    while pid in parents:
        chain.append(pid)
        pid = parents[pid]
    return chain


@dataclass(frozen=True, slots=True)
class WrittenBytes:
    """`wal`: of the whole server. `tables`: with their indexes, by database."""

    wal: int
    tables: dict[str, int]


async def written_bytes(postgres: Postgres, databases: Iterable[str]) -> WrittenBytes:
    connection = await asyncpg.connect(postgres.url)
    try:
        wal = int(await connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        sizes = {name: await connection.fetchval("SELECT pg_database_size($1)", name) for name in databases}
    finally:
        await connection.close()
    return WrittenBytes(wal, sizes)


async def end_offsets(bootstrap_servers: str, topics: Iterable[str]) -> dict[TopicPartition, int]:
    async with _reader(bootstrap_servers, topics) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        return ends


async def records_since(
    bootstrap_servers: str, topics: Iterable[str], since: Mapping[TopicPartition, int]
) -> list[Record]:
    """The records behind these offsets."""
    records: list[Record] = []
    async with _reader(bootstrap_servers, topics) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        for partition in ends:
            consumer.seek(partition, since[partition])
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records += [(record.topic, record.key, record.value, tuple(record.headers)) for record in batch]
    return records


@asynccontextmanager
async def _reader(bootstrap_servers: str, topics: Iterable[str]) -> AsyncIterator[Any]:
    """Of all partitions of these topics, without a consumer group."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap_servers, group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def size_of(record: Record) -> int:
    """Bytes of key, value and headers, before compression."""
    _, key, value, headers = record
    return len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
