"""The log between two moments, once more: for whoever wants it again without being a consumer of it.

Kept true: no consumer group is touched and no offset committed; what lies behind the end the log had when reading began
is not read.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from wanderamt.backbone.arrivals import Item, Reader, arrival_of
from wanderamt.backbone.topics import Topics
from wanderamt.contracts import Event

FETCH_TIMEOUT_MS = 1000
MAX_RECORDS = 500


async def read_between(
    bootstrap_servers: str, topics: Topics, events: Iterable[type[Event]], *, since: datetime, until: datetime
) -> AsyncIterator[list[Item]]:
    """Events of these types whose own time lies in [since, until), in the order of their partitions. Others are left
    out, and so is what nobody can read."""
    wanted = tuple(events)
    reader = Reader(wanted, topics)
    consumer = AIOKafkaConsumer(
        *sorted({topics.name(one.TOPIC) for one in wanted}),
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
        await _seek(consumer, ends, since)
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            found = await consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_RECORDS)
            records = [one for batch in found.values() for one in batch if one.offset < ends[_place(one)]]
            items, _ = reader.read([arrival_of(one) for one in records])
            yield [one for one in items if since <= one.head.time < until]
    finally:
        await consumer.stop()


async def _seek(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], since: datetime) -> None:
    """To where records of that time begin: a relay writes them a little later than their own time says, not earlier."""
    first = await consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)))
    for tp, end in ends.items():
        found = first.get(tp)
        consumer.seek(tp, found.offset if found else end)


def _place(record: object) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)  # type: ignore[attr-defined]
