"""Three checks that make the effect of each event happen once, however often it is delivered.

Invariants: an offset below the watermark of its partition was delivered before (protects against a topic read again
from offset 0, without time limit); an event id is handled once per consumer (protects against a relay that sends
twice); a version not above the aggregate's last one on its topic is stale (protects against a relay that resumes late).
All three are read and written in the transaction of the effects. An aggregate is a topic and an id: an appointment with
the id of a case makes no event of the case stale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias
from uuid import UUID

from wanderamt.backbone.messaging.dead_letter import AggregateKey, RawRecord
from wanderamt.backbone.messaging.records import ReceivedEvent, UnusableRecord
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

PartitionKey: TypeAlias = tuple[str, int]
"""(topic, partition)."""


class InboxState(NamedTuple):
    """What the database knows when a new event arrives: its aggregate's last version, and whether that is blocked."""

    version: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class Deduplicator:
    consumer: str

    async def after_watermark(self, records: Sequence[RawRecord], uow: UnitOfWork) -> list[RawRecord]:
        """The records that were not delivered before."""
        rows = await uow.db.fetch(
            "SELECT topic, partition, next_offset FROM inbox_watermark WHERE consumer = $1 AND topic = ANY($2::text[])",
            self.consumer,
            list({record.topic for record in records}),
        )
        watermarks = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return [record for record in records if record.offset >= watermarks.get((record.topic, record.partition), 0)]

    async def undelivered(self, unusable: list[UnusableRecord], uow: UnitOfWork) -> list[UnusableRecord]:
        """As `after_watermark`; without a statement if there are none."""
        if not unusable:
            return []
        new = set(await self.after_watermark([entry.record for entry in unusable], uow))
        return [entry for entry in unusable if entry.record in new]

    async def lookup(
        self, events: Sequence[ReceivedEvent], uow: UnitOfWork, *, dead_letters: bool = False
    ) -> dict[UUID, InboxState]:
        """Records the event ids; returns the state for each event that was neither delivered nor handled before.

        `dead_letters`: the events come from the table dead_letter, so the watermarks have passed them already.
        """
        if not events:
            return {}
        rows = await uow.db.fetch(
            """
            WITH sent AS (
                     SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[])
                              AS s(event_id, aggregate, topic, partition, "offset")
                 ),
                 arrived AS (
                     SELECT event_id, sent.topic, aggregate FROM sent
                     LEFT JOIN inbox_watermark m
                          ON m.consumer = $1 AND m.topic = sent.topic AND m.partition = sent.partition
                     WHERE $7 OR "offset" >= coalesce(next_offset, 0)
                 ),
                 new AS (
                     INSERT INTO inbox (consumer, event_id)
                     SELECT DISTINCT $1, event_id FROM arrived ORDER BY event_id
                     ON CONFLICT DO NOTHING RETURNING event_id
                 )
            SELECT new.event_id, coalesce(v.version, 0),
                   EXISTS (SELECT 1 FROM dead_letter WHERE consumer = $1)  -- once per statement, the next per event
                   AND EXISTS (SELECT 1 FROM dead_letter p WHERE p.consumer = $1 AND p.topic = arrived.topic
                               AND p.aggregate = arrived.aggregate)
                       AS blocked
            FROM new JOIN arrived USING (event_id)
            LEFT JOIN inbox_version v
                 ON v.consumer = $1 AND v.topic = arrived.topic AND v.aggregate = arrived.aggregate
            """,
            self.consumer,
            [event.header.id for event in events],
            [event.header.subject for event in events],
            [event.record.topic for event in events],
            [event.record.partition for event in events],
            [event.record.offset for event in events],
            dead_letters,
        )
        return {event_id: InboxState(version, blocked) for event_id, version, blocked in rows}

    def not_duplicate(self, events: Iterable[ReceivedEvent], states: Mapping[UUID, InboxState]) -> list[ReceivedEvent]:
        """Each event once: not handled in an earlier batch, and not twice in this one."""
        first: dict[UUID, ReceivedEvent] = {}
        for event in events:
            if event.header.id in states:
                first.setdefault(event.header.id, event)
        return list(first.values())

    def not_stale(self, events: Iterable[ReceivedEvent], states: Mapping[UUID, InboxState]) -> list[ReceivedEvent]:
        """The events whose version is above the last one of their aggregate."""
        last: dict[AggregateKey, int] = {}
        newer: list[ReceivedEvent] = []
        for event in events:
            aggregate = event.aggregate
            if event.header.sequence > last.get(aggregate, states[event.header.id].version):
                last[aggregate] = event.header.sequence
                newer.append(event)
        return newer

    async def forget(self, events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
        """Events that this transaction looked up and rejected: their ids may still come with other events."""
        await uow.db.execute(
            "DELETE FROM inbox WHERE consumer = $1 AND event_id = ANY($2::uuid[])",
            self.consumer,
            [event.header.id for event in events],
        )

    def save(self, handled: Sequence[ReceivedEvent], records: Sequence[RawRecord], uow: UnitOfWork) -> None:
        """Stores the versions of the handled events and the watermarks behind the records, once per transaction or
        savepoint, with its last statement."""
        last = {event.aggregate: event.header.sequence for event in handled}
        keys = sorted(last)
        topics, subjects = [topic for topic, _ in keys], [subject for _, subject in keys]
        uow.write_later((_SAVE_VERSIONS, (self.consumer, topics, subjects, [last[key] for key in keys])))
        uow.write_later(self.advance_watermarks(end_offsets(records)))

    def advance_watermarks(self, ends: Mapping[PartitionKey, int]) -> Statement:
        """The statement that moves the watermarks to these offsets."""
        keys = sorted(ends)  # always locked in one order
        topics, partitions = [topic for topic, _ in keys], [partition for _, partition in keys]
        return _ADVANCE, [self.consumer, topics, partitions, [ends[key] for key in keys]]


def end_offsets(records: Iterable[RawRecord]) -> dict[PartitionKey, int]:
    """(topic, partition) → the offset after its last record."""
    ends: dict[PartitionKey, int] = {}
    for record in records:
        key = (record.topic, record.partition)
        ends[key] = max(ends.get(key, 0), record.offset + 1)
    return ends


_SAVE_VERSIONS = """
    INSERT INTO inbox_version (consumer, topic, aggregate, version)
    SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::int[])
    ON CONFLICT (consumer, topic, aggregate)
    DO UPDATE SET version = greatest(inbox_version.version, excluded.version), seen_at = now()
"""
_ADVANCE = """
    INSERT INTO inbox_watermark (consumer, topic, partition, next_offset)
    SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[])
    ON CONFLICT (consumer, topic, partition)
    DO UPDATE SET next_offset = greatest(inbox_watermark.next_offset, excluded.next_offset)
"""
