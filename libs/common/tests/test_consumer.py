"""Consumers on the framework's own test broker, and a real database: declarations, dead letters, AsyncAPI."""

import asyncio
import re
import time
from collections.abc import Sequence
from itertools import count
from types import FunctionType
from typing import Any
from uuid import UUID

import pytest
from faststream.kafka import KafkaBroker, TestKafkaBroker
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging import handler_watch
from wanderamt.backbone.messaging.application import consuming_application
from wanderamt.backbone.messaging.consumer import EventConsumer, InvalidConsumerError
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Event, EventHeader, StandCancelled, StandMoved, encode
from wanderamt.kernel.decision import Event as EventModel
from wanderamt_testing.databases import OpenDatabase

NOW = "2026-05-04T09:30:00+02:00"


class StandPainted(EventModel):
    """An event that no contract lists."""

    TYPE = "at.wanderamt.stand.painted.v1"
    TOPIC = "stand.v1"
    AGGREGATE = "stand_id"

    stand_id: UUID


def cancelled(reason: str = "rain") -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": uuid7(), "reason": reason, "cancelled_at": NOW})


async def publish(
    broker: KafkaBroker, topics: Topics, event: Event, *, partition: int, version: int = 1, type_: str | None = None
) -> None:
    """The test broker gives every record the offset 0, so each needs a partition of its own."""
    subject: UUID = getattr(event, event.AGGREGATE)
    header = EventHeader(uuid7(), type_ or event.TYPE, "/wanderamt/scheduling", subject, utc_now(), version, {})
    key, value, headers = encode(event, header)
    texts = {name: raw.decode() for name, raw in headers}
    await broker.publish(value, topics.name(event.TOPIC), key=key, headers=texts, partition=partition)


class ConsumerProbe:
    """A consumer on the test broker."""

    def __init__(self, consumer: EventConsumer, database: Database) -> None:
        self.topics = Topics("test-")
        self.inbox = Inbox(consumer, database, "nowhere:9092", self.topics)
        application, _ = consuming_application(consumer, self.topics, self.inbox, bootstrap_servers="nowhere:9092")
        assert isinstance(application.broker, KafkaBroker)
        self.broker = application.broker
        self._partitions = count()

    async def publish(self, *events: Event, **options: Any) -> None:
        for event in events:
            await publish(self.broker, self.topics, event, partition=next(self._partitions), **options)

    async def dead_letters(self) -> list[tuple[str, str]]:
        async with self.inbox.database.unit_of_work() as uow:
            rows = await uow.db.fetch("SELECT state, reason FROM dead_letter ORDER BY id")
        return [(row["state"], row["reason"]) for row in rows]


@pytest.fixture
def consumer() -> EventConsumer:
    return EventConsumer("scheduling", name="listener")


async def test_each_handler_gets_its_events_in_a_transaction_and_a_list_handler_with_headers(
    consumer: EventConsumer, open_database: OpenDatabase
) -> None:
    received: list[object] = []

    @consumer.on_batch(StandCancelled, with_headers=True)
    async def on_cancelled(events: Sequence[ReceivedEvent], uow: UnitOfWork, context: str) -> None:
        received.append((context, [event.header.type for event in events], await uow.db.fetchval("SELECT 1")))

    probe = ConsumerProbe(consumer.bind("the context"), await open_database("scheduling"))
    async with TestKafkaBroker(probe.broker):
        await probe.publish(cancelled())
    assert received == [("the context", [StandCancelled.TYPE], 1)]


async def test_a_failing_handler_leaves_a_dead_letter_and_the_next_event_is_handled(
    consumer: EventConsumer, open_database: OpenDatabase
) -> None:
    handled: list[str] = []

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
        if event.reason == "poison":
            raise ValueError
        handled.append(event.reason)

    probe = ConsumerProbe(consumer, await open_database("scheduling"))
    async with TestKafkaBroker(probe.broker):
        await probe.publish(cancelled("poison"), cancelled("rain"))
    assert handled == ["rain"]
    assert [state for state, _ in await probe.dead_letters()] == ["failed"]


async def test_a_type_that_no_contract_knows_becomes_a_dead_letter(
    consumer: EventConsumer, open_database: OpenDatabase
) -> None:
    @consumer.on(StandCancelled)
    async def on_cancelled(_: StandCancelled, __: UnitOfWork) -> None:
        raise AssertionError

    probe = ConsumerProbe(consumer, await open_database("scheduling"))
    async with TestKafkaBroker(probe.broker):
        await probe.publish(cancelled(), type_="at.wanderamt.stand.painted.v1")
    [(state, reason)] = await probe.dead_letters()
    assert state == "unreadable"
    assert "ce_type" in reason


@pytest.mark.parametrize("in_list", [False, True])
async def test_a_handler_that_waits_for_something_else_than_the_database_becomes_a_dead_letter(
    consumer: EventConsumer, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch, in_list: bool
) -> None:
    monkeypatch.setattr(handler_watch, "LIMIT_S", 0.2)
    monkeypatch.setattr(handler_watch, "INTERVAL_S", 0.05)

    async def on_cancelled(_: object, uow: UnitOfWork) -> None:
        await uow.db.execute("SELECT pg_sleep(0.5)")  # a slow statement is no reason to end a handler
        await asyncio.Event().wait()

    (consumer.on_batch if in_list else consumer.on)(StandCancelled)(on_cancelled)
    probe = ConsumerProbe(consumer, await open_database("scheduling"))

    async def watch() -> None:
        while True:
            await probe.inbox._handler_watch.check()

    with capture_logs() as logs:
        watching = asyncio.create_task(watch())
        async with TestKafkaBroker(probe.broker):
            async with asyncio.timeout(20):
                await probe.publish(cancelled())
        watching.cancel()
    [(state, reason)] = await probe.dead_letters()
    assert (state, reason.split()[0]) == ("failed", "HandlerBlockedError")
    [blocked] = [line for line in logs if line["event"] == "consumer.handler_blocked"]
    assert blocked["type"] == StandCancelled.TYPE
    assert blocked["waited_s"] >= 0.7


async def test_a_handler_that_holds_up_the_process_is_named_in_the_log(
    consumer: EventConsumer, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler_watch, "INTERVAL_S", 0.05)
    monkeypatch.setattr(handler_watch, "LATE_S", 0.2)

    @consumer.on(StandCancelled)
    async def on_cancelled(_: StandCancelled, __: UnitOfWork) -> None:
        time.sleep(0.5)  # noqa: ASYNC251 -- what no handler should do

    probe = ConsumerProbe(consumer, await open_database("scheduling"))
    with capture_logs() as logs:
        async with TestKafkaBroker(probe.broker):
            check = asyncio.create_task(probe.inbox._handler_watch.check())
            await asyncio.sleep(0)
            await probe.publish(cancelled())
            await check
    assert [line["type"] for line in logs if line["event"] == "consumer.process_blocked"] == [StandCancelled.TYPE]


def test_the_log_names_the_types_that_a_consumer_reads_and_ignores(consumer: EventConsumer) -> None:
    @consumer.on(StandCancelled)
    async def on_cancelled(_: StandCancelled, __: UnitOfWork) -> None: ...

    coverage = consumer.coverage()
    assert coverage["handles"] == [StandCancelled.TYPE]
    assert StandMoved.TYPE in coverage["ignores"]


async def _two(_: object, __: UnitOfWork) -> None: ...
async def _moved(_: StandMoved, __: UnitOfWork) -> None: ...
async def _needs_context(_: object, __: UnitOfWork, context: object) -> None: ...
async def _four(_: object, __: UnitOfWork, context: object, more: object) -> None: ...
async def _swapped(uow: UnitOfWork, event: object) -> None: ...
def _sync(_: object, __: UnitOfWork) -> None: ...


@pytest.mark.parametrize(
    ("event", "handler", "complaint"),
    [
        (StandPainted, _two, "no service emits StandPainted"),
        (StandCancelled, _moved, "declared for StandCancelled, which its parameter does not take"),
        (StandCancelled, _four, r"parameters must be \(event, uow\)"),
        (StandCancelled, _sync, "it would block all other work"),
        (StandCancelled, _swapped, "in this order"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(
    consumer: EventConsumer, event: type[Event], handler: FunctionType, complaint: str
) -> None:
    with pytest.raises(InvalidConsumerError, match=f"consumer listener: {handler.__name__}: .*{complaint}"):
        consumer.on(event)(handler)


@pytest.mark.parametrize("wrong", ["at.wanderamt.stand.cancelled", _two])
def test_an_event_is_declared_by_its_class(consumer: EventConsumer, wrong: object) -> None:
    for declare in (consumer.on, consumer.on_batch):
        with pytest.raises(
            InvalidConsumerError, match=r"consumer listener: write @consumer.on\(CaseOpened\), with a class"
        ):
            declare(wrong)  # type: ignore[arg-type]


async def test_the_log_says_where_a_handler_failed_and_not_with_which_value(
    consumer: EventConsumer, open_database: OpenDatabase
) -> None:
    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, __: UnitOfWork) -> None:
        raise KeyError(event.reason)

    probe = ConsumerProbe(consumer, await open_database("scheduling"))
    with capture_logs() as logs:
        async with TestKafkaBroker(probe.broker):
            await probe.publish(event := cancelled())
    [line] = [line for line in logs if line["event"] == "consumer.handler_failed"]
    assert (line["type"], line["error"]) == (StandCancelled.TYPE, "KeyError")
    assert re.search(r"test_consumer.py:\d+ on_cancelled$", line["places"][-1])
    assert event.reason not in str(line)


def test_a_type_is_handled_once_per_consumer(consumer: EventConsumer) -> None:
    consumer.on(StandCancelled)(_two)
    with pytest.raises(InvalidConsumerError, match=r"StandCancelled is handled by _two already"):
        consumer.on_batch(StandCancelled)(_two)


def test_a_consumer_without_handlers_or_context_does_not_start(consumer: EventConsumer) -> None:
    with pytest.raises(InvalidConsumerError, match="listener handles no event"):
        _ = consumer.handlers
    consumer.on(StandCancelled)(_needs_context)
    with pytest.raises(InvalidConsumerError, match=re.escape("takes a context, call bind(context)")):
        _ = consumer.handlers
    assert set(consumer.bind(object()).handlers) == {StandCancelled}


async def test_an_application_for_the_documentation_does_not_start(consumer: EventConsumer) -> None:
    consumer.on(StandCancelled)(_two)
    with pytest.raises(InvalidConsumerError, match="only describes the consumer listener"):
        await consumer.application.start()
