"""Reads the events of a time range from the topics again, without being a consumer of them.

Invariants: no consumer group is touched and no offset is committed; the reading stops at the end that the topics had
when it began.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from wanderamt.backbone.messaging.records import MAX_RECORDS, ReceivedEvent, RecordDecoder, raw_record
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.contracts import Event

FETCH_TIMEOUT_MS = 1000


async def read_events_between(
    bootstrap_servers: str, topics: Topics, events: Iterable[type[Event]], *, since: datetime, until: datetime
) -> AsyncIterator[list[ReceivedEvent]]:
    """Events of these types whose own time lies in [since, until), in the order of their partitions.

    Other events and unreadable records are left out.
    """
    wanted = tuple(events)
    decoder = RecordDecoder(wanted, topics)
    consumer = AIOKafkaConsumer(
        *sorted({topics.name(event.TOPIC) for event in wanted}),
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
            batches = await consumer.getmany(timeout_ms=FETCH_TIMEOUT_MS, max_records=MAX_RECORDS)
            records = [record for tp, batch in batches.items() for record in batch if record.offset < ends[tp]]
            received, _ = decoder.decode([raw_record(record) for record in records])
            yield [event for event in received if since <= event.header.time < until]
    finally:
        await consumer.stop()


async def _seek(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], since: datetime) -> None:
    """Seeks to the first record written since then: a relay writes an event after its own time, never before."""
    first = await consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)))
    for tp, end in ends.items():
        position = first.get(tp)
        consumer.seek(tp, position.offset if position else end)
