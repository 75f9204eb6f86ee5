"""Stores records that no handler gets: unreadable ones, and rejected ones, which lack the proof that their type needs
or belong to another authority.

Invariants: whoever writes to a topic can neither hold up an event nor fill the table with rejected records: no
aggregate waits for them, and of each reason MAX_REJECTED rows are kept and the rest is counted. The record itself
stays on its topic, and uses up neither event id nor version: what was rejected because a key was wrong can be read
again.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import structlog

from wanderamt.backbone.messaging.dead_letter import (
    DeadLetterState,
    encode_headers,
    store_dead_letter,
    unreadable_cause,
)
from wanderamt.backbone.messaging.deduplication import Deduplicator
from wanderamt.backbone.messaging.records import ReceivedEvent, UnusableRecord, rejected
from wanderamt.backbone.observability.metrics import rejected_messages
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

MAX_REJECTED = 1000  # rows of one consumer and reason
REPLAYED = "this event of its aggregate was handled under another event id before"

log = structlog.get_logger()


async def store_unusable(connection: Any, consumer: str, records: Iterable[UnusableRecord]) -> None:
    without_proof: list[UnusableRecord] = []
    for entry in records:
        if entry.state is DeadLetterState.REJECTED:
            without_proof.append(entry)
            continue
        record, aggregate, type_, state, cause, _ = entry
        log.error(
            "consumer.record_unreadable", consumer=consumer, topic=record.topic, offset=record.offset, state=state
        )
        await store_dead_letter(
            connection, consumer, record, aggregate=aggregate, type_=type_, state=state, cause=cause
        )
    without_proof.sort(key=_fingerprint)  # two processes lock the counters in one order
    for _, group in groupby(without_proof, key=_fingerprint):
        await _store_rejected(connection, consumer, list(group))


async def reject_copies(
    verified: Iterable[ReceivedEvent], fresh: Iterable[ReceivedEvent], uow: UnitOfWork, deduplicator: Deduplicator
) -> None:
    """Of the events with a valid proof, those that are not `fresh`: they repeat others under ids of their own. The ids
    stay free: each may be that of an event which is still to come."""
    handled = {event.header.id for event in fresh}
    copies = [event for event in verified if event.header.id not in handled]
    if not copies:
        return
    await deduplicator.forget(copies, uow)
    unusable = [rejected(copy.record, copy.header, unreadable_cause(REPLAYED, copy.header.type)) for copy in copies]
    await store_unusable(uow.db, deduplicator.consumer, unusable)


async def _store_rejected(connection: Any, consumer: str, entries: Sequence[UnusableRecord]) -> None:
    """In one statement. The oldest row of the reason counts what is not stored."""
    first = entries[0]
    log.error(
        "consumer.record_rejected",
        consumer=consumer,
        type=first.type,
        reason=first.cause.reason,
        records=len(entries),
        event_id=first.event_id,
        topic=first.record.topic,
        partition=first.record.partition,
        offset=first.record.offset,
    )
    rejected_messages.add(len(entries), {"messaging.consumer.group.name": consumer, "type": first.type})
    records = [entry.record for entry in entries]
    await connection.execute(
        _STORE,
        consumer,
        [record.topic for record in records],
        [record.partition for record in records],
        [record.offset for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [encode_headers(record.headers) for record in records],
        [entry.cause.reason for entry in entries],
        first.type,
        first.cause.fingerprint,
        MAX_REJECTED,
    )


def _fingerprint(entry: UnusableRecord) -> str:
    return entry.cause.fingerprint


_STORE = """
    WITH stored AS (
             SELECT count(*) AS rows, min(id) AS oldest FROM dead_letter WHERE consumer = $1 AND fingerprint = $10
         ),
         counted AS (
             UPDATE dead_letter SET not_stored = not_stored + greatest(stored.rows + cardinality($2::text[]) - $11, 0)
             FROM stored WHERE id = stored.oldest AND stored.rows + cardinality($2::text[]) > $11
         )
    INSERT INTO dead_letter (consumer, topic, partition, "offset", key, value, headers, reason, type, fingerprint,
                             state)
    SELECT $1, r.*, $9, $10, 'rejected'
    FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[], $8::text[]) AS r
    LIMIT (SELECT greatest($11 - rows, 0) FROM stored)
    ON CONFLICT DO NOTHING
"""
