"""Builds a consumer's projections again, from offset 0 of its topics, into an empty database.

Invariants: handlers write state only: events and jobs are discarded; the topics are read to the end they had when the
rebuild began, without a consumer group; the running service and its group are not touched.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.records import MAX_RECORDS, raw_record
from wanderamt.backbone.persistence.database import Database

FETCH_TIMEOUT_MS = 1000
STALLED_AFTER_S = 60


class TargetNotEmptyError(Exception):
    """The target database already holds rows: a rebuild would mix two states."""


class ReadStalledError(Exception):
    """The broker returned nothing for STALLED_AFTER_S seconds although there is more to read."""


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """In records. `dead_letters`: how many of the processed records are dead letters in the target database."""

    done: int
    total: int
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class TableDiff:
    """`live` and `rebuilt` are row counts; `only_live` and `only_rebuilt` rows that the other side does not have."""

    table: str
    live: int
    rebuilt: int
    only_live: int
    only_rebuilt: int

    @property
    def equal(self) -> bool:
        return not self.only_live and not self.only_rebuilt and self.live == self.rebuilt


async def rebuild(inbox: Inbox, target: Database) -> AsyncIterator[RebuildProgress]:
    """Handles what `inbox` consumes, writing to `target`. Raises TargetNotEmptyError, ReadStalledError."""
    async with target.unit_of_work() as uow:
        if await uow.db.fetchval("SELECT EXISTS (SELECT 1 FROM inbox_watermark) OR EXISTS (SELECT 1 FROM inbox)"):
            raise TargetNotEmptyError
    copy = Inbox(
        inbox.declared, target, inbox.bootstrap_servers, inbox.topics, rebuilding=True, authority=inbox.authority
    )
    consumer = AIOKafkaConsumer(
        *sorted({inbox.topics.name(event.TOPIC) for event in inbox.event_handlers}),
        bootstrap_servers=inbox.bootstrap_servers,
        group_id=None,  # reads all partitions, and touches no consumer group
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        total = sum(ends[tp] - begins[tp] for tp in partitions)
        done = 0
        yield RebuildProgress(done, total)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            records = await _fetch(consumer, ends)
            await copy.process_batch(records)
            done += len(records)
            yield RebuildProgress(done, total)
        await copy.flush_watermarks()
        yield RebuildProgress(done, total, await _count_dead_letters(target, inbox.consumer))
    finally:
        await consumer.stop()


async def compare(live: Database, rebuilt: Database, tables: Sequence[str]) -> list[TableDiff]:
    """Compares row by row, by a digest of each row's text."""
    return [_diff(table, await _digests(live, table), await _digests(rebuilt, table)) for table in tables]


def _diff(table: str, live: list[str], rebuilt: list[str]) -> TableDiff:
    live_rows, rebuilt_rows = set(live), set(rebuilt)
    return TableDiff(table, len(live), len(rebuilt), len(live_rows - rebuilt_rows), len(rebuilt_rows - live_rows))


async def _digests(database: Database, table: str) -> list[str]:
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch(
            f'SELECT md5(t::text) AS digest FROM "{table}" t'  # noqa: S608 -- table names come from the code
        )
    return [row["digest"] for row in rows]


async def _count_dead_letters(database: Database, consumer: str) -> int:
    async with database.unit_of_work() as uow:
        return int(await uow.db.fetchval("SELECT count(*) FROM dead_letter WHERE consumer = $1", consumer))


async def _fetch(consumer: Any, ends: dict[TopicPartition, int]) -> list[RawRecord]:
    loop = asyncio.get_running_loop()
    until = loop.time() + STALLED_AFTER_S
    while loop.time() < until:
        batches = await consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_RECORDS)
        records = [record for batch in batches.values() for record in batch]
        if records:
            return [raw_record(r) for r in records if r.offset < ends[TopicPartition(r.topic, r.partition)]]
        if all([await consumer.position(tp) >= end for tp, end in ends.items()]):
            return []
    raise ReadStalledError
