"""Kafka records in: one transaction per batch, each event once in effect, in order per aggregate.

Kept true: offsets are committed after our transaction, never before; an event id is handled once per consumer; a
version not above the last one seen of its aggregate is stale and dropped. When a batch fails it runs again one event
at a time under savepoints: a permanent failure parks its aggregate, a transient one (database, broker) waits and
repeats without end and says so in health.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.parked import Arrival, ParkedState, park, waiting_aggregates
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.work import Work
from wanderamt.contracts import Event, Head, Undecodable, decode_event, decode_head

Handler = Callable[[Any, Work], Awaitable[object]]

MAX_RECORDS = 500
BACKOFF_S = (0.1, 0.5, 1, 2, 5)

log = structlog.get_logger()
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    arrival: Arrival
    head: Head
    event: Event


@dataclass
class Inbox:
    """`consumer` is the Kafka group and the name in the inbox tables; `on` says which event goes to which handler."""

    consumer: str
    on: Mapping[type[Event], Handler]
    database: Database
    bootstrap_servers: str
    topics: Topics
    trouble: str = "not started"
    handled: int = 0
    _broker: KafkaBroker = field(init=False)

    def __post_init__(self) -> None:
        self._known = {event.TYPE: event for event in self.on}
        self._broker = KafkaBroker(self.bootstrap_servers, graceful_timeout=20, logger=None)
        names = sorted({self.topics.name(event.TOPIC) for event in self.on})
        subscriber = self._broker.subscriber(
            *names,
            group_id=self.topics.name(self.consumer),
            batch=True,
            max_records=MAX_RECORDS,
            batch_timeout_ms=50,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            parser=_unparsed,
            decoder=_raw,
        )
        subscriber(self._on_batch)

    async def start(self) -> None:
        await self._broker.start()
        self.trouble = ""

    async def stop(self) -> None:
        await self._broker.stop()

    async def _on_batch(self, body: Any, message: KafkaMessage) -> None:
        records = message.raw_message
        assert isinstance(records, tuple)  # noqa: S101 -- batch=True above
        await self.take([_arrival(record) for record in records])
        await message.ack()

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Returns when the batch is committed, however long database or broker are away."""
        failures = 0
        while True:
            try:
                await self._take_once(arrivals)
                self.trouble = ""
                return
            except TRANSIENT as error:
                self.trouble = f"{type(error).__name__}: events wait on the topic"
                log.warning("inbox.waits", consumer=self.consumer, error=type(error).__name__, failures=failures)
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1

    async def _take_once(self, arrivals: Sequence[Arrival]) -> None:
        items, unreadable = self._decode(arrivals)
        try:
            async with self.database.work() as work:
                await self._quarantine(unreadable, work)
                for item in await self._fresh(items, work):
                    await self._handle(item, work)
        except TRANSIENT:
            raise
        except Exception as error:
            log.warning("inbox.batch_failed", consumer=self.consumer, error=type(error).__name__, events=len(items))
            async with self.database.work() as work:
                await self._quarantine(unreadable, work)
                for item in items:
                    await self._take_one(item, work)

    def _decode(self, arrivals: Sequence[Arrival]) -> tuple[list[Item], list[tuple[Arrival, str]]]:
        items: list[Item] = []
        unreadable: list[tuple[Arrival, str]] = []
        for arrival in arrivals:
            try:
                head = decode_head(arrival.headers)
                if head.type in self._known:
                    items.append(Item(arrival, head, decode_event(head, arrival.value, self._known)))
            except Undecodable as error:
                unreadable.append((arrival, str(error)))
        return items, unreadable

    async def _quarantine(self, unreadable: list[tuple[Arrival, str]], work: Work) -> None:
        for arrival, reason in unreadable:
            log.error(
                "inbox.quarantined", consumer=self.consumer, topic=arrival.topic, offset=arrival.offset, reason=reason
            )
            await park(work.db, self.consumer, arrival, aggregate=None, state=ParkedState.QUARANTINED, reason=reason)

    async def _fresh(self, items: list[Item], work: Work) -> list[Item]:
        """Marks the items as seen and returns those to handle: not seen before, not stale, not behind a parked one."""
        if not items:
            return []
        rows = await work.db.fetch(
            """
            INSERT INTO inbox (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) id ORDER BY id
            ON CONFLICT DO NOTHING RETURNING event_id
            """,
            self.consumer,
            [item.head.id for item in items],
        )
        unseen = {row["event_id"] for row in rows}
        new: list[Item] = []
        for item in items:
            if item.head.id in unseen:
                unseen.discard(item.head.id)  # the same id twice in one batch is one event
                new.append(item)
        free = await self._behind(new, work)
        return await self._newer(free, work)

    async def _behind(self, items: list[Item], work: Work) -> list[Item]:
        waiting = (
            await waiting_aggregates(work.db, self.consumer, {item.head.subject for item in items}) if items else set()
        )
        for item in items:
            if item.head.subject in waiting:
                await self._park(
                    item, work, state=ParkedState.BEHIND, reason="an earlier event of this aggregate is parked"
                )
        return [item for item in items if item.head.subject not in waiting]

    async def _newer(self, items: list[Item], work: Work) -> list[Item]:
        if not items:
            return []
        rows = await work.db.fetch(
            "SELECT aggregate, version FROM inbox_version WHERE consumer = $1 AND aggregate = ANY($2::uuid[])",
            self.consumer,
            list({item.head.subject for item in items}),
        )
        last = {row["aggregate"]: row["version"] for row in rows}
        newer: list[Item] = []
        for item in items:
            if item.head.sequence > last.get(item.head.subject, 0):
                last[item.head.subject] = item.head.sequence
                newer.append(item)
        touched = sorted({item.head.subject for item in newer})
        await work.db.execute(
            """
            INSERT INTO inbox_version (consumer, aggregate, version)
            SELECT $1, * FROM unnest($2::uuid[], $3::int[])
            ON CONFLICT (consumer, aggregate) DO UPDATE SET version = excluded.version
            """,
            self.consumer,
            touched,
            [last[aggregate] for aggregate in touched],
        )
        return newer

    async def _handle(self, item: Item, work: Work) -> None:
        with tracer.start_as_current_span(
            f"{self.consumer} on {type(item.event).__name__}",
            context=propagate.extract(dict(item.head.trace)),
            kind=SpanKind.CONSUMER,
            attributes={"messaging.system": "kafka", "ce.type": item.head.type, "aggregate": str(item.head.subject)},
        ):
            await self.on[type(item.event)](item.event, work)
        self.handled += 1

    async def _take_one(self, item: Item, work: Work) -> None:
        try:
            async with work.db.transaction():
                for fresh in await self._fresh([item], work):
                    await self._handle(fresh, work)
                await work.flush()
        except TRANSIENT:
            raise
        except Exception as error:
            work.forget()
            await self._fresh([item], work)
            await self._park(item, work, state=ParkedState.PARKED, reason=f"{type(error).__name__} in the handler")
            log.exception("inbox.parked", consumer=self.consumer, event_id=str(item.head.id), type=item.head.type)

    async def _park(self, item: Item, work: Work, *, state: ParkedState, reason: str) -> None:
        await park(work.db, self.consumer, item.arrival, aggregate=item.head.subject, state=state, reason=reason)


async def _unparsed(
    records: tuple[ConsumerRecord[bytes, bytes], ...],
    original: Callable[[tuple[ConsumerRecord[bytes, bytes], ...]], Awaitable[KafkaMessage]],
) -> KafkaMessage:
    """Hides the headers from the framework, which drops a whole batch when one header is not UTF-8."""
    message = await original(tuple(replace(record, headers=()) for record in records))
    message.raw_message = records
    return message


async def _raw(message: KafkaMessage) -> bytes | None:
    """Leaves the bytes alone: decoding with a reason is ours, not the framework's."""
    return message.body


def _arrival(record: ConsumerRecord[bytes, bytes]) -> Arrival:
    return Arrival(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
