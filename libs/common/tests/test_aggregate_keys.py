"""Two things of different kinds may have the same id: an event of one never delays or drops events of the other."""

from collections.abc import Iterable
from itertools import count
from uuid import UUID

import asyncpg
import pytest
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, count_selected
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.replay import ReplaySummary, replay
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EVENTS, AppointmentCancelled, CaseClosed, Event, EventHeader, StandCancelled, encode
from wanderamt_testing.databases import OpenDatabase

OFFSETS = count()


def closed(id_: UUID) -> CaseClosed:
    return CaseClosed(case_id=id_, service="active_pass", stand_id=id_, closed_at=utc_now())


def cancelled(id_: UUID) -> AppointmentCancelled:
    return AppointmentCancelled(appointment_id=id_, by_citizen=True, cancelled_at=utc_now())


def records(events: Iterable[tuple[Event, int]], topics: Topics) -> list[RawRecord]:
    """`events`: each with the version of its aggregate."""
    received = []
    for event, version in events:
        source = f"/wanderamt/{TOPIC_OWNERS[event.TOPIC]}"
        header = EventHeader(uuid7(), event.TYPE, source, event.aggregate, utc_now(), version, {})
        key, value, headers = encode(event, header)
        received.append(RawRecord(topics.name(event.TOPIC), 0, next(OFFSETS), key, value, headers))
    return received


class TwoKindConsumer:
    """A consumer of the events of cases and of appointments. Those of the types in `failing` raise an error."""

    def __init__(self, database: Database, topics: Topics) -> None:
        self.handled: list[type[Event]] = []
        self.failing: set[type[Event]] = set()
        self.topics = topics
        consumer = EventConsumer("notifications", name="listener")

        @consumer.on(CaseClosed)
        async def on_case_closed(event: CaseClosed, _: UnitOfWork) -> None:
            self._handle(event)

        @consumer.on(AppointmentCancelled)
        async def on_appointment_cancelled(event: AppointmentCancelled, _: UnitOfWork) -> None:
            self._handle(event)

        self.inbox = Inbox(consumer, database, "127.0.0.1:1", topics)

    def _handle(self, event: Event) -> None:
        if type(event) in self.failing:
            raise ValueError
        self.handled.append(type(event))

    async def receive(self, *events: tuple[Event, int]) -> None:
        await self.inbox.process_batch(records(events, self.topics))

    async def retry(self, selected: DeadLetterFilter) -> list[ReplaySummary]:
        return [summary async for summary in replay(self.inbox, selected, who="tester", rate=None)]


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_nine_events_of_an_appointment_make_no_event_of_a_case_with_the_same_id_stale(
    open_database: OpenDatabase, topics: Topics, in_one_batch: bool
) -> None:
    listener, id_ = TwoKindConsumer(await open_database("notifications"), topics), uuid7()
    appointment: list[tuple[Event, int]] = [(cancelled(id_), version) for version in range(1, 10)]
    case: list[tuple[Event, int]] = [(closed(id_), version) for version in (1, 2)]
    for batch in [appointment + case] if in_one_batch else [appointment, case]:
        await listener.receive(*batch)
    assert listener.handled == [AppointmentCancelled] * 9 + [CaseClosed] * 2
    await listener.receive((closed(id_), 2), (cancelled(id_), 9))  # stale, each on its own topic
    assert len(listener.handled) == 11


async def test_a_dead_letter_of_a_case_blocks_no_appointment_with_the_same_id(
    open_database: OpenDatabase, topics: Topics
) -> None:
    database = await open_database("notifications")
    listener, id_ = TwoKindConsumer(database, topics), uuid7()
    listener.failing = {CaseClosed}
    await listener.receive((closed(id_), 1), (cancelled(id_), 1))
    await listener.receive((cancelled(id_), 2), (closed(id_), 2))
    assert listener.handled == [AppointmentCancelled] * 2
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT topic, state FROM dead_letter ORDER BY id")
        assert await count_selected(uow, "listener", DeadLetterFilter()) == (2, 1)
    assert [tuple(row) for row in rows] == [(topics.name("case.v1"), "failed"), (topics.name("case.v1"), "blocked")]


async def test_a_replay_takes_the_aggregates_of_two_topics_one_by_one(
    open_database: OpenDatabase, topics: Topics
) -> None:
    database = await open_database("notifications")
    listener, id_ = TwoKindConsumer(database, topics), uuid7()
    listener.failing = {CaseClosed, AppointmentCancelled}
    await listener.receive((closed(id_), 1), (cancelled(id_), 1), (closed(id_), 2), (cancelled(id_), 2))
    async with database.unit_of_work() as uow:
        assert await count_selected(uow, "listener", DeadLetterFilter(aggregate=id_)) == (4, 2)
    listener.failing = {CaseClosed}
    [*_, summary] = await listener.retry(DeadLetterFilter())
    assert (summary.replayed, summary.failed, summary.aggregates) == (2, 1, 2)
    listener.failing = set()
    [*_, summary] = await listener.retry(DeadLetterFilter())
    assert (summary.replayed, summary.stale) == (2, 0)
    assert listener.handled == [AppointmentCancelled] * 2 + [CaseClosed] * 2


async def test_an_outbox_holds_the_same_version_of_one_id_once_per_topic(open_database: OpenDatabase) -> None:
    database, id_ = await open_database("scheduling"), uuid7()
    stand = StandCancelled(stand_id=id_, reason="rain", cancelled_at=utc_now())
    async with database.unit_of_work() as uow:
        uow.emit(stand, version=1)
        uow.emit(cancelled(id_), version=1)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with database.unit_of_work() as uow:
            uow.emit(stand, version=1)


def test_the_third_part_of_a_type_names_its_topic() -> None:
    """The unique index of the outbox takes the topic from there."""
    assert {(event.TYPE.split(".")[2], event.TOPIC.split(".")[0]) for event in EVENTS} == {
        (topic.split(".")[0], topic.split(".")[0]) for topic in {event.TOPIC for event in EVENTS}
    }
