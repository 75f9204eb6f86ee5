"""Costs that are counted, not timed: statements, and records on the topics."""

from typing import Any, ClassVar
from uuid import UUID

from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox, Many
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.relay import BATCH, Relay
from wanderamt.backbone.work import Work
from wanderamt.contracts import Head, StandCancelled, StandScheduled, encode
from wanderamt.kernel.decision import Job

NOW = "2026-05-04T09:30:00+02:00"


class Note(Job):
    QUEUE: ClassVar[str] = "note"
    KEY: ClassVar[str] = "name"
    DEADLINE_S: ClassVar[int] = 60

    name: str


def cancelled(stand_id: UUID) -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": "rain", "cancelled_at": NOW})


def arrival(stand_id: UUID, topics: Any, offset: int) -> Arrival:
    event = cancelled(stand_id)
    head = Head(uuid7(), event.TYPE, "/wanderamt/scheduling", event.stand_id, event.cancelled_at, 1, {})
    key, value, headers = encode(event, head)
    return Arrival(topics.name("stand.v1"), 0, offset, key, value, headers)


async def _nothing(_: Any, __: Work) -> None:
    return


def listen(database: Database) -> list[str]:
    """Every statement from now on."""
    said: list[str] = []
    for holder in database.pool._holders:
        if holder._con:
            holder._con.add_query_logger(lambda query: said.append(" ".join(query.query.split())[:60]))
    return said


async def test_an_event_costs_no_statement_of_its_own_when_it_goes_with_its_state(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    async with database.work() as work:
        await work.db.execute("CREATE TABLE filed (id uuid PRIMARY KEY)")
    said = listen(database)
    async with database.work() as work:
        stand_id = work.new_id()
        work.emit(cancelled(stand_id), version=1)
        await work.save("INSERT INTO filed (id) VALUES ($1)", stand_id)
    assert len([one for one in said if "pg_notify" not in one]) == 3  # begin, state and event, commit


async def test_a_job_costs_no_statement_of_its_own_either(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    async with database.work() as work:
        await work.db.execute("CREATE TABLE filed (id uuid PRIMARY KEY)")

    async def file(*names: str) -> None:
        async with database.work() as work:
            stand_id = work.new_id()
            work.emit(cancelled(stand_id), version=1)
            work.enqueue(*(Note(name=name) for name in names))
            await work.save("INSERT INTO filed (id) VALUES ($1)", stand_id)

    await file("one")  # the driver looks types up once per connection
    said = listen(database)
    await file("two", "three")
    assert len([one for one in said if "pg_notify" not in one]) == 3  # begin; state, event and jobs; commit
    async with database.work() as work:
        assert await work.db.fetchval("SELECT count(*) FROM outbox") == 2
        keys = await work.db.fetch("SELECT key FROM job ORDER BY seq")
    assert [row["key"] for row in keys] == ["one", "two", "three"]


async def test_what_is_none_of_our_business_costs_no_transaction_and_is_behind_the_mark_soon(
    open_database: Any, topics: Any
) -> None:
    database: Database = await open_database("scheduling")
    inbox = Inbox("listener", {StandScheduled: _nothing}, database, "127.0.0.1:1", topics)
    await inbox.take([arrival(uuid7(), topics, 0)])
    await inbox.settle()  # the driver looks types up once per connection
    said = listen(database)
    await inbox.take([arrival(uuid7(), topics, offset) for offset in range(1, 100)])
    assert [one for one in said if "pg_notify" not in one] == []
    await inbox.settle()
    await inbox.settle()  # once is enough
    assert len(said) == 3  # begin, marks, commit
    async with database.work() as work:
        assert await work.db.fetchval("SELECT next_offset FROM inbox_mark") == 100


async def test_a_batch_of_500_events_is_heard_in_five_statements(open_database: Any, topics: Any) -> None:
    database: Database = await open_database("scheduling")

    async def on_cancelled(events: list[StandCancelled], work: Work) -> None:
        await work.db.execute("SELECT 1")

    inbox = Inbox("listener", {StandCancelled: Many(on_cancelled)}, database, "127.0.0.1:1", topics)
    arrivals = [arrival(uuid7(), topics, offset) for offset in range(500)]
    await inbox.take(arrivals[:1])  # the driver looks types up once per connection
    said = listen(database)
    await inbox.take(arrivals[1:])
    assert inbox.handled == 500
    assert len(said) <= 5, said


async def test_a_full_batch_of_the_relay_is_two_statements_and_one_record_an_event(
    open_database: Any, servers: Any, topics: Any
) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    async with database.work() as work:
        for _ in range(BATCH):
            work.emit(cancelled(work.new_id()), version=1)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    producer = relay.producer(servers.kafka.bootstrap_servers)
    await producer.start()
    said: list[str] = []
    async with database.listening("nobody") as (connection, _):
        await relay._send_batch(connection, [], producer)  # the driver looks types up once per connection
        await relay._delete(connection, [])
        connection.add_query_logger(lambda query: said.append(query.query))
        relay._beaten = float("inf")
        sent = await relay._send_batch(connection, list(range(16)), producer)
        relay._beaten = float("inf")
        rest = await relay._send_batch(connection, list(range(16)), producer)
    await producer.stop()
    assert (sent, rest) == (BATCH, 0)
    assert len(said) == 3  # read, delete, and the read that finds nothing
