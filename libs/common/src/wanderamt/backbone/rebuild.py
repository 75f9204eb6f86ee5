"""A consumer's projections again, from offset 0 of its topics, into an empty database.

Kept true: handlers run quietly (nothing is told, nothing is sent); the topics are read to the end they had when the
rebuild began, without a consumer group; the running service and its group are not touched.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from wanderamt.backbone.arrivals import arrival_of
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.subscriber import MAX_RECORDS

FETCH_TIMEOUT_MS = 1000
STALLED_AFTER_S = 60


class NotEmpty(Exception):
    """The target database holds rows already: a rebuild would mix two states."""


class Stalled(Exception):
    """The broker gave nothing for a minute although there is more to read."""


@dataclass(frozen=True, slots=True)
class Step:
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Difference:
    """`live` and `rebuilt` are row counts; `only_live` and `only_rebuilt` rows that the other side does not have."""

    table: str
    live: int
    rebuilt: int
    only_live: int
    only_rebuilt: int

    @property
    def equal(self) -> bool:
        return not self.only_live and not self.only_rebuilt and self.live == self.rebuilt


async def rebuild(inbox: Inbox, target: Database) -> AsyncIterator[Step]:
    """Reads what `inbox` hears into `target`; yields progress in records. Raises NotEmpty, Stalled."""
    async with target.work() as work:
        if await work.db.fetchval("SELECT EXISTS (SELECT 1 FROM inbox_mark) OR EXISTS (SELECT 1 FROM inbox)"):
            raise NotEmpty
    again = Inbox(inbox.consumer, inbox.on, target, inbox.bootstrap_servers, inbox.topics, quiet=True)
    consumer = AIOKafkaConsumer(
        *sorted({inbox.topics.name(event.TOPIC) for event in inbox.on}),
        bootstrap_servers=inbox.bootstrap_servers,
        group_id=None,  # all partitions are ours, and nobody else's group is touched
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
        yield Step(done, total)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            records = await _fetch(consumer, ends)
            await again.take(records)
            done += len(records)
            yield Step(done, total)
        await again.settle()
    finally:
        await consumer.stop()


async def compare(live: Database, rebuilt: Database, tables: Sequence[str]) -> list[Difference]:
    """Row by row, by a digest of each row's text."""
    return [_difference(table, await _rows(live, table), await _rows(rebuilt, table)) for table in tables]


def _difference(table: str, live: list[str], rebuilt: list[str]) -> Difference:
    ours, theirs = set(live), set(rebuilt)
    return Difference(table, len(live), len(rebuilt), len(ours - theirs), len(theirs - ours))


async def _rows(database: Database, table: str) -> list[str]:
    async with database.work() as work:
        rows = await work.db.fetch(f'SELECT md5(t::text) AS digest FROM "{table}" t')  # noqa: S608 -- a name of ours
    return [row["digest"] for row in rows]


async def _fetch(consumer: Any, ends: dict[TopicPartition, int]) -> list[Arrival]:
    loop = asyncio.get_running_loop()
    until = loop.time() + STALLED_AFTER_S
    while loop.time() < until:
        found = await consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_RECORDS)
        records = [record for batch in found.values() for record in batch]
        if records:
            return [arrival_of(r) for r in records if r.offset < ends[TopicPartition(r.topic, r.partition)]]
        if all([await consumer.position(tp) >= end for tp, end in ends.items()]):
            return []
    raise Stalled
