"""The FastStream side of a consumer: a router with one batch subscriber, the inbox as its middleware, and publishers.

Invariants: FastStream sees no record header, because it drops a whole batch when one header is not UTF-8; it decodes no
value and commits no offset, the inbox does both; a batch costs the framework the same, however many records it holds.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Protocol, TypeAlias, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream.kafka import KafkaMessage, KafkaRouter, Topic
from faststream.kafka.broker.registrator import KafkaRegistrator
from faststream.kafka.configs import KafkaBrokerConfig
from faststream.kafka.subscriber.config import KafkaSubscriberConfig, KafkaSubscriberSpecificationConfig
from faststream.kafka.subscriber.factory import CallsCollection  # type: ignore[attr-defined]
from faststream.kafka.subscriber.specification import KafkaSubscriberSpecification
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.middlewares import AckPolicy, BaseMiddleware
from faststream.specification.schema import SubscriberSpec

from wanderamt.backbone.messaging.asyncapi import consumed_channels, sent_channel
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.records import MAX_RECORDS, Deliver, ReceivedEvent
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EVENTS

POLL_TIMEOUT_MS = 500
LINGER = {
    "fetch_min_bytes": 64 * 1024,
    "fetch_max_wait_ms": POLL_TIMEOUT_MS,
}  # the broker answers when either is reached
CLIENT_ERROR_PAUSE_S = 1.0  # between two polls of a client that fails

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class RecordInbox(Protocol):
    """What the framework's middleware and handler need of an inbox (wanderamt.backbone.messaging.inbox)."""

    async def receive(self, records: Sequence[Record], deliver: Deliver) -> None: ...

    async def handle(self, events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None: ...

    def note_client_error(self, error: Exception) -> None: ...


class EventBatch:
    """The body of a message: the inbox fills in what the handlers get, once per attempt."""

    __slots__ = ("events", "uow")
    events: Sequence[ReceivedEvent]
    uow: UnitOfWork


class InboxMiddleware(BaseMiddleware[Any, tuple[Record, ...]]):
    """Owns transaction, deduplication and dead letters: calls the handlers inside a transaction, again if need be."""

    def __init__(self, records: tuple[Record, ...], /, *, context: Any, inbox: RecordInbox) -> None:
        super().__init__(records, context=context)
        self.inbox = inbox

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: KafkaMessage) -> None:  # type: ignore[override]
        async def deliver(events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
            batch: Any = msg.body
            batch.events, batch.uow = events, uow
            await call_next(msg)

        await self.inbox.receive(self.msg, deliver)


class EventSubscriber(BatchSubscriber):
    """A batch subscriber that waits in the client until records arrive, instead of sleeping after an empty poll.

    `on_client_error`: called with an error of the client that is not a KafkaError; without it the framework would
    restart its loop at once and for ever, and nobody would learn of it.
    """

    __slots__ = ("_channels", "_on_client_error")

    def __init__(
        self,
        config: KafkaSubscriberConfig,
        specification: KafkaSubscriberSpecification,
        calls: CallsCollection[tuple[Record, ...]],
        *,
        channels: Mapping[str, SubscriberSpec],
        on_client_error: Callable[[Exception], None] | None,
    ) -> None:
        super().__init__(config, specification, calls, batch_timeout_ms=POLL_TIMEOUT_MS, max_records=MAX_RECORDS)
        self._channels = channels
        self._on_client_error = on_client_error

    async def get_msg(self, consumer: "AIOKafkaConsumer[bytes, bytes]") -> tuple[Record, ...]:
        try:
            return await self._fetch(consumer)
        except RuntimeError as error:
            if not self._on_client_error:
                raise
            self._on_client_error(error)
            await asyncio.sleep(CLIENT_ERROR_PAUSE_S)
            return ()

    def schema(self) -> dict[str, SubscriberSpec]:
        """A channel for each event: the framework's own has every payload on every topic."""
        return dict(self._channels)

    async def _fetch(self, consumer: "AIOKafkaConsumer[bytes, bytes]") -> tuple[Record, ...]:
        try:
            return tuple(_flat(await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS, max_records=MAX_RECORDS)))
        except UnicodeDecodeError:
            return await _fetch_one_by_one(consumer)


async def _fetch_one_by_one(consumer: "AIOKafkaConsumer[bytes, bytes]") -> tuple[Record, ...]:
    """From the committed offsets on: the client fails on a header whose name is not UTF-8, and loses what it fetched.

    Such a record comes without its content: it becomes a dead letter, and those after it flow."""
    records: list[Record] = []
    for partition, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
        offset = await consumer.committed(partition)
        if offset is None:
            await consumer.seek_to_beginning(partition)
        else:
            consumer.seek(partition, offset)
        try:
            while len(records) < MAX_RECORDS and await consumer.position(partition) < end:
                fetched = await consumer.getmany(partition, timeout_ms=POLL_TIMEOUT_MS, max_records=1)
                if not fetched:
                    break  # not there yet; the next poll goes on
                records += _flat(fetched)
        except UnicodeDecodeError:
            offset = await consumer.position(partition)
            consumer.seek(partition, offset + 1)
            records.append(ConsumerRecord(*partition, offset, -1, 0, None, None, None, -1, -1, ()))
    return tuple(records)


class EventRouter(KafkaRouter):
    """A router whose subscriber is an EventSubscriber: `KafkaRouter.subscriber` accepts no class of a subscriber."""

    def event_subscriber(self, consumer: EventConsumer, topics: Topics, inbox: RecordInbox | None) -> EventSubscriber:
        names = [Topic(topics.name(topic)) for topic in sorted({event.TOPIC for event in consumer.events})]
        group = topics.name(consumer.name)
        config = cast(KafkaBrokerConfig, self.config)  # as the framework's own registrator does
        calls: CallsCollection[Any] = CallsCollection()
        subscriber = EventSubscriber(
            KafkaSubscriberConfig(
                topics=names,
                group_id=group,
                connection_args={"auto_offset_reset": "earliest"} | (LINGER if consumer.linger else {}),
                no_reply=True,
                _outer_config=config,  # its only way to the broker, see docs/decisions/0020
            ),
            KafkaSubscriberSpecification(
                config, KafkaSubscriberSpecificationConfig(topics=names, title_=None, description_=None), calls
            ),
            calls,
            channels=consumed_channels(consumer.events, topics, group=group),
            on_client_error=inbox.note_client_error if inbox else None,
        )
        super(KafkaRegistrator, self).subscriber(subscriber)
        subscriber.add_call(parser_=_parse, decoder_=_decode, dependencies_=())
        return subscriber


def create_router(
    consumer: EventConsumer, topics: Topics, inbox: RecordInbox | None
) -> tuple[EventRouter, EventSubscriber]:
    """The router, and its subscriber. `inbox`: None describes the consumer without handling anything.

    The publishers are declared for the documentation: the relay sends, from the outbox.
    """
    middlewares: list[Any] = [partial(InboxMiddleware, inbox=inbox)] if inbox else []
    router = EventRouter(middlewares=middlewares, ack_policy=AckPolicy.MANUAL)
    subscriber = router.event_subscriber(consumer, topics, inbox)
    if inbox:

        async def handle_events(batch: EventBatch) -> None:
            await inbox.handle(batch.events, batch.uow)

        subscriber(handle_events)
    for event in EVENTS:
        if TOPIC_OWNERS[event.TOPIC] == consumer.service:
            router.publisher(topics.name(event.TOPIC), **sent_channel(event, topics))
    return router, subscriber


def _flat(batches: Mapping[Any, list[Record]]) -> list[Record]:
    return list(chain.from_iterable(batches.values()))


async def _parse(records: Sequence[Record]) -> KafkaMessage:
    first, last = records[0], records[-1]
    id_ = f"{first.topic}-{first.partition}-{first.offset}-{last.offset}"
    return KafkaMessage(tuple(records), EventBatch(), message_id=id_, correlation_id=id_, consumer=_NO_CONSUMER)


async def _decode(message: KafkaMessage) -> EventBatch:
    return cast(EventBatch, message.body)


class _NoConsumer:
    """The inbox commits offsets; a message cannot."""

    async def commit(self) -> None:
        raise NotImplementedError

    def seek(self, partition: Any, offset: int) -> None:
        raise NotImplementedError


_NO_CONSUMER = _NoConsumer()
