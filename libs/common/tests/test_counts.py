"""Costs that are counted, not timed: SQL statements, and records on the topics."""

import asyncio
import random
from typing import ClassVar
from uuid import UUID

from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.queue import claim, record_results
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import BATCH, Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EventHeader, StandCancelled, StandScheduled, encode
from wanderamt.kernel.decision import Job
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.servers import Servers
from wanderamt_testing.statements import StatementLog, shortened

NOW = "2026-05-04T09:30:00+02:00"


class Note(Job):
    QUEUE: ClassVar[str] = "note"
    KEY: ClassVar[str] = "name"
    DEADLINE_S: ClassVar[int] = 60

    name: str


def cancelled(stand_id: UUID) -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": "rain", "cancelled_at": NOW})


def raw_record(stand_id: UUID, topics: Topics, offset: int) -> RawRecord:
    event = cancelled(stand_id)
    header = EventHeader(uuid7(), event.TYPE, "/wanderamt/scheduling", event.stand_id, event.cancelled_at, 1, {})
    key, value, headers = encode(event, header)
    return RawRecord(topics.name("stand.v1"), 0, offset, key, value, headers)


async def _nothing(_: object, __: UnitOfWork) -> None:
    return


async def test_an_event_costs_no_statement_of_its_own_when_it_goes_with_its_state(open_database: OpenDatabase) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY)")
    log = await StatementLog.of(database)
    async with database.unit_of_work() as uow:
        stand_id = uow.new_id()
        uow.emit(cancelled(stand_id), version=1)
        await uow.execute_with_outbox("INSERT INTO stored (id) VALUES ($1)", stand_id)
    assert len(log.statements) == 3  # begin, state and event, commit


async def test_a_job_costs_no_statement_of_its_own_either(open_database: OpenDatabase) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY)")

    async def store(*names: str) -> None:
        async with database.unit_of_work() as uow:
            stand_id = uow.new_id()
            uow.emit(cancelled(stand_id), version=1)
            uow.enqueue(*(Note(name=name) for name in names))
            await uow.execute_with_outbox("INSERT INTO stored (id) VALUES ($1)", stand_id)

    await store("one")  # the driver looks types up once per connection
    log = await StatementLog.of(database)
    await store("two", "three")
    assert len(log.statements) == 3  # begin; state, event and jobs; commit
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT count(*) FROM outbox") == 2
        keys = await uow.db.fetch("SELECT key FROM job ORDER BY seq")
    assert [row["key"] for row in keys] == ["one", "two", "three"]


async def test_a_write_for_later_costs_no_statement_and_of_several_for_one_row_the_last_counts(
    open_database: OpenDatabase,
) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY, name text)")
        uow.enqueue(Note(name="one"))
        await uow.flush()
        [claimed] = await claim(uow, Note, 1)
    log = await StatementLog.of(database)
    async with database.unit_of_work() as uow:
        first, second = uow.new_id(), uow.new_id()
        for name in ("one", "two"):
            uow.write_later(("INSERT INTO stored VALUES ($1, $2)", (first, name)), row=("stored", first))
        uow.write_later(("INSERT INTO stored VALUES ($1, $2)", (second, "three")))
        uow.emit(cancelled(second), version=1)
        assert await record_results(uow, [(claimed, None)], random.Random(1)) == {claimed.id}  # noqa: S311
    assert len(log.statements) == 3, shortened(log.statements)  # begin; results with all that waited; commit
    async with database.unit_of_work() as uow:
        assert dict(await uow.db.fetch("SELECT id, name FROM stored")) == {first: "two", second: "three"}
        assert await uow.db.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_write_for_later_goes_with_its_savepoint_and_stays_when_a_projection_is_rebuilt(
    open_database: OpenDatabase,
) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work(suppress_outbox=True) as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY)")
        lost, kept = uow.new_id(), uow.new_id()
        uow.write_later(("INSERT INTO stored VALUES ($1)", (lost,)))
        uow.locked["stored", "row"] = lost
        uow.discard_pending()
        uow.write_later(("INSERT INTO stored VALUES ($1)", (kept,)))
        uow.emit(cancelled(kept), version=1)
    assert not uow.locked
    async with database.unit_of_work() as uow:
        assert [row["id"] for row in await uow.db.fetch("SELECT id FROM stored")] == [kept]
        assert await uow.db.fetchval("SELECT count(*) FROM outbox") == 0


async def test_results_and_what_waits_are_written_when_another_transaction_has_just_extended_the_lease(
    open_database: OpenDatabase,
) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY)")
        uow.enqueue(Note(name="one"))
        await uow.flush()
        [claimed] = await claim(uow, Note, 1)

    async def complete() -> set[UUID]:
        async with database.unit_of_work() as uow:
            uow.write_later(("INSERT INTO stored VALUES ($1)", (claimed.id,)))
            return await record_results(uow, [(claimed, None)], random.Random(1))  # noqa: S311

    async with database.unit_of_work() as uow:
        await uow.db.execute("UPDATE job SET lease_expires_at = lease_expires_at + interval '1 s'")
        completing = asyncio.create_task(complete())
        await asyncio.sleep(0.2)
    assert await completing == {claimed.id}
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT id FROM stored") == claimed.id
        assert await uow.db.fetchval("SELECT status FROM job") == "succeeded"


async def test_ignored_records_cost_no_transaction_and_the_watermark_passes_them_soon(
    open_database: OpenDatabase, topics: Topics
) -> None:
    database: Database = await open_database("scheduling")
    consumer = EventConsumer("scheduling", name="listener")
    consumer.on(StandScheduled)(_nothing)
    inbox = Inbox(consumer, database, "127.0.0.1:1", topics)
    await inbox.process_batch([raw_record(uuid7(), topics, 0)])
    await inbox.flush_watermarks()  # the driver looks types up once per connection
    log = await StatementLog.of(database)
    await inbox.process_batch([raw_record(uuid7(), topics, offset) for offset in range(1, 100)])
    assert log.statements == []
    await inbox.flush_watermarks()
    await inbox.flush_watermarks()  # once is enough
    assert len(log.statements) == 1
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT next_offset FROM inbox_watermark") == 100


async def test_a_batch_of_500_events_is_handled_in_five_statements(open_database: OpenDatabase, topics: Topics) -> None:
    database: Database = await open_database("scheduling")

    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on_batch(StandCancelled)
    async def on_cancelled(events: list[StandCancelled], uow: UnitOfWork) -> None:
        await uow.db.execute("SELECT 1")

    inbox = Inbox(consumer, database, "127.0.0.1:1", topics)
    records = [raw_record(uuid7(), topics, offset) for offset in range(500)]
    await inbox.process_batch(records[:1])  # the driver looks types up once per connection
    log = await StatementLog.of(database)
    await inbox.process_batch(records[1:])
    assert inbox.handled == 500
    assert len(log.statements) <= 5, shortened(log.statements)


async def test_a_full_batch_of_the_relay_is_two_statements_and_one_record_per_event(
    open_database: OpenDatabase, servers: Servers, topics: Topics
) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    async with database.unit_of_work() as uow:
        for _ in range(BATCH):
            uow.emit(cancelled(uow.new_id()), version=1)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    producer = relay.producer(servers.kafka.bootstrap_servers)
    await producer.start()
    statements: list[str] = []
    async with database.listen("nobody") as (connection, _):
        await relay._send_batch(connection, [], producer)  # the driver looks types up once per connection
        await relay._delete(connection, [])
        connection.add_query_logger(lambda query: statements.append(query.query))
        relay._heartbeat_at = float("inf")
        sent = await relay._send_batch(connection, list(range(16)), producer)
        relay._heartbeat_at = float("inf")
        rest = await relay._send_batch(connection, list(range(16)), producer)
    await producer.stop()
    assert (sent, rest) == (BATCH, 0)
    assert len(statements) == 3  # read, delete, and the read that finds nothing
