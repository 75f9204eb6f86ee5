"""Costs that are counted, not timed: SQL statements, and records on the topics."""

from typing import Any, ClassVar
from uuid import UUID

from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import BatchHandler, Inbox
from wanderamt.backbone.messaging.relay import BATCH, Relay
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EventHeader, StandCancelled, StandScheduled, encode
from wanderamt.kernel.decision import Job

NOW = "2026-05-04T09:30:00+02:00"


class Note(Job):
    QUEUE: ClassVar[str] = "note"
    KEY: ClassVar[str] = "name"
    DEADLINE_S: ClassVar[int] = 60

    name: str


def cancelled(stand_id: UUID) -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": "rain", "cancelled_at": NOW})


def raw_record(stand_id: UUID, topics: Any, offset: int) -> RawRecord:
    event = cancelled(stand_id)
    header = EventHeader(uuid7(), event.TYPE, "/wanderamt/scheduling", event.stand_id, event.cancelled_at, 1, {})
    key, value, headers = encode(event, header)
    return RawRecord(topics.name("stand.v1"), 0, offset, key, value, headers)


async def _nothing(_: Any, __: UnitOfWork) -> None:
    return


def log_statements(database: Database) -> list[str]:
    """A list that receives each statement from now on."""
    statements: list[str] = []
    for holder in database.pool._holders:
        if holder._con:
            holder._con.add_query_logger(lambda query: statements.append(" ".join(query.query.split())[:60]))
    return statements


async def test_an_event_costs_no_statement_of_its_own_when_it_goes_with_its_state(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE stored (id uuid PRIMARY KEY)")
    statements = log_statements(database)
    async with database.unit_of_work() as uow:
        stand_id = uow.new_id()
        uow.emit(cancelled(stand_id), version=1)
        await uow.execute_with_outbox("INSERT INTO stored (id) VALUES ($1)", stand_id)
    assert len([sql for sql in statements if "pg_notify" not in sql]) == 3  # begin, state and event, commit


async def test_a_job_costs_no_statement_of_its_own_either(open_database: Any) -> None:
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
    statements = log_statements(database)
    await store("two", "three")
    assert len([sql for sql in statements if "pg_notify" not in sql]) == 3  # begin; state, event and jobs; commit
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT count(*) FROM outbox") == 2
        keys = await uow.db.fetch("SELECT key FROM job ORDER BY seq")
    assert [row["key"] for row in keys] == ["one", "two", "three"]


async def test_ignored_records_cost_no_transaction_and_the_watermark_passes_them_soon(
    open_database: Any, topics: Any
) -> None:
    database: Database = await open_database("scheduling")
    inbox = Inbox("listener", {StandScheduled: _nothing}, database, "127.0.0.1:1", topics)
    await inbox.process_batch([raw_record(uuid7(), topics, 0)])
    await inbox.flush_watermarks()  # the driver looks types up once per connection
    statements = log_statements(database)
    await inbox.process_batch([raw_record(uuid7(), topics, offset) for offset in range(1, 100)])
    assert [sql for sql in statements if "pg_notify" not in sql] == []
    await inbox.flush_watermarks()
    await inbox.flush_watermarks()  # once is enough
    assert len(statements) == 3  # begin, watermarks, commit
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT next_offset FROM inbox_watermark") == 100


async def test_a_batch_of_500_events_is_handled_in_five_statements(open_database: Any, topics: Any) -> None:
    database: Database = await open_database("scheduling")

    async def on_cancelled(events: list[StandCancelled], uow: UnitOfWork) -> None:
        await uow.db.execute("SELECT 1")

    inbox = Inbox("listener", {StandCancelled: BatchHandler(on_cancelled)}, database, "127.0.0.1:1", topics)
    records = [raw_record(uuid7(), topics, offset) for offset in range(500)]
    await inbox.process_batch(records[:1])  # the driver looks types up once per connection
    statements = log_statements(database)
    await inbox.process_batch(records[1:])
    assert inbox.handled == 500
    assert len(statements) <= 5, statements


async def test_a_full_batch_of_the_relay_is_two_statements_and_one_record_per_event(
    open_database: Any, servers: Any, topics: Any
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
