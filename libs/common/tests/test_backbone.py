"""Outbox, relay, inbox and jobs together, on a real broker and a real database."""

import asyncio
from typing import ClassVar
from uuid import UUID

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence import database as database_module
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, Job, RetryLater
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until

NOW = "2026-05-04T09:30:00+02:00"


class BackboneCall(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str
    number: int


def cancelled(stand_id: UUID, reason: str = "rain") -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": reason, "cancelled_at": NOW})


@pytest_asyncio.fixture
async def database(open_database: OpenDatabase) -> Database:
    opened: Database = await open_database("scheduling")
    return opened


async def count(database: Database, table: str) -> int:
    async with database.unit_of_work() as uow:
        return int(await uow.db.fetchval(f"SELECT count(*) FROM {table}"))


async def test_events_arrive_once_and_in_order_per_aggregate(
    database: Database, servers: Servers, topics: Topics
) -> None:
    received: list[tuple[UUID, str]] = []

    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
        received.append((event.stand_id, event.reason))

    await topics.create(servers.kafka.bootstrap_servers, partitions=3)
    stands = [uuid7() for _ in range(20)]
    for version in range(1, 11):
        async with database.unit_of_work() as uow:
            for stand_id in stands:
                uow.emit(cancelled(stand_id, str(version)), version=version)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox(consumer, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    await wait_until(lambda: len(received) >= 200)
    await inbox.stop()
    await relay.stop()
    assert await count(database, "outbox") == 0
    for stand_id in stands:
        assert [reason for who, reason in received if who == stand_id] == [str(version) for version in range(1, 11)]


@pytest.mark.parametrize("where", ["position", "getmany"])
async def test_a_client_that_is_broken_for_good_is_replaced_and_no_event_is_missed(
    database: Database, servers: Servers, topics: Topics, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The state of aiokafka after its coordinator wrote to a connection that had been closed."""
    monkeypatch.setattr("wanderamt.backbone.messaging.inbox.CHECK_INTERVAL_S", 0.2)
    received: list[str] = []

    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
        received.append(event.reason)

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    await topics.create(servers.kafka.bootstrap_servers, partitions=3)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox(consumer, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    stand_id = uuid7()
    async with database.unit_of_work() as uow:
        uow.emit(cancelled(stand_id, "before"), version=1)
    await wait_until(lambda: len(received) >= 1)
    client, stop = inbox._subscriber.consumer, inbox._application.stop

    async def stop_and_fail() -> None:
        await stop()
        await broken()

    monkeypatch.setattr(client, where, broken)
    monkeypatch.setattr(inbox._application, "stop", stop_and_fail)
    async with database.unit_of_work() as uow:
        uow.emit(cancelled(stand_id, "after"), version=2)

    async def renewed() -> bool:
        return inbox._subscriber.consumer not in (None, client)

    await wait_until(renewed)
    await wait_until(lambda: len(received) >= 2)
    assert received == ["before", "after"]
    await inbox.stop()
    await relay.stop()


class BrokenName(str):
    """A name of a header that is not UTF-8."""

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


async def test_a_header_whose_name_nobody_can_read_holds_up_no_event(
    database: Database, servers: Servers, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("producer", "message_accumulator"):  # the builder in C refuses such a name
        monkeypatch.setattr(f"aiokafka.producer.{module}.DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    received: list[str] = []
    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
        received.append(event.reason)

    await topics.create(servers.kafka.bootstrap_servers, partitions=2)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    stand_id = uuid7()
    async with AIOKafkaProducer(bootstrap_servers=servers.kafka.bootstrap_servers) as producer:
        for version in (1, 2, 3):
            async with database.unit_of_work() as uow:
                uow.emit(cancelled(stand_id, str(version)), version=version)
            await wait_until(lambda: nothing_waits(database))
            for partition in (0, 1):
                headers = [(BrokenName("name"), b"1")]
                await producer.send_and_wait(topics.name("stand.v1"), b"{}", partition=partition, headers=headers)
    inbox = Inbox(consumer, database, servers.kafka.bootstrap_servers, topics)
    await inbox.start()
    await wait_until(lambda: len(received) >= 3)
    await wait_until(lambda: all_parked(database, 6))
    assert received == ["1", "2", "3"]
    await inbox.stop()
    await relay.stop()


async def nothing_waits(database: Database) -> bool:
    return await count(database, "outbox") == 0


async def all_parked(database: Database, records: int) -> bool:
    return await count(database, "dead_letter") == records


async def test_nothing_is_emitted_when_the_transaction_fails(database: Database) -> None:
    async def fail() -> None:
        async with database.unit_of_work() as uow:
            uow.emit(cancelled(uuid7()), version=1)
            await uow.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(database, "outbox") == 0


async def test_a_commit_signals_this_process_at_once_and_others_by_one_notification(
    database: Database,
) -> None:
    other = Database(database.url, service_name=database.service_name)
    await other.start()
    try:
        async with database.listen("c") as (_, local), other.listen("c") as (_, remote):
            database.notify("c")
            assert local.is_set()
            local.clear()
            async with asyncio.timeout(10):
                await remote.wait()
            await asyncio.sleep(0.2)
            assert not local.is_set()
            other.notify("c")
            async with asyncio.timeout(10):
                await local.wait()
    finally:
        await other.stop()


async def test_other_processes_hear_of_busy_subjects_rarely_and_of_the_last_change_of_each(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many commits a second for many stands are a few notifications, and none of them delays one about work."""
    monkeypatch.setattr(database_module, "SUBJECTS_INTERVAL_S", 60)
    other = Database(database.url, service_name=database.service_name)
    await other.start()
    heard: list[str] = []
    try:
        async with other.listen("stands", on_subject=heard.append), other.listen("work") as (_, work):
            database.notify("stands:first")
            await wait_until(lambda: heard == ["first"])
            for number in range(50):
                database.notify("stands:second", f"stands:{number % 2}", "work")
                await asyncio.sleep(0.005)
            async with asyncio.timeout(10):
                await work.wait()
            assert heard == ["first"]
            monkeypatch.setattr(database_module, "SUBJECTS_INTERVAL_S", 0)
            database.notify("work")
            await wait_until(lambda: set(heard) == {"first", "second", "0", "1"})
            assert len(heard) == 4
            monkeypatch.setattr(database_module, "SUBJECTS_INTERVAL_S", 0.3)
            database.notify("stands:last")
            await wait_until(lambda: heard[-1] == "last")  # by its own timer, without another commit
    finally:
        await other.stop()


async def test_a_service_cannot_emit_to_a_topic_of_another(database: Database) -> None:
    database.service_name = "intake"
    async with database.unit_of_work() as uow:
        with pytest.raises(PermissionError):
            uow.emit(cancelled(uuid7()), version=1)


async def test_a_poisoned_aggregate_and_its_successors_become_dead_letters_and_all_others_flow(
    database: Database, servers: Servers, topics: Topics
) -> None:
    done: list[UUID] = []
    poisoned, healthy = uuid7(), uuid7()

    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(event: StandCancelled, _: UnitOfWork) -> None:
        if event.stand_id == poisoned:
            raise ValueError
        done.append(event.stand_id)

    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(topics.name("stand.v1"), b"\x00garbage", headers=[("ce_id", b"\xff")])
    await producer.stop()
    async with database.unit_of_work() as uow:
        for version in (1, 2):
            uow.emit(cancelled(poisoned), version=version)
            uow.emit(cancelled(healthy), version=version)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox(consumer, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()

    async def is_done() -> bool:
        return await count(database, "dead_letter") == 3 and await count(database, "inbox") == 4

    await wait_until(is_done)
    await inbox.stop()
    await relay.stop()
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT state, aggregate, value, reason FROM dead_letter ORDER BY id")
    assert [row["state"] for row in rows] == ["unreadable", "failed", "blocked"]
    assert rows[0]["value"] == b"\x00garbage"
    assert all(row["reason"] for row in rows)
    assert {row["aggregate"] for row in rows[1:]} == {poisoned}
    assert done[-2:] == [healthy, healthy]


async def test_jobs_of_one_key_run_one_after_the_other_and_other_keys_do_not_wait(database: Database) -> None:
    running: set[str] = set()
    done: list[tuple[str, int]] = []

    async def prepare(job: BackboneCall, _: Attempt, __: UnitOfWork) -> BackboneCall:
        return job

    async def execute(job: BackboneCall) -> BackboneCall:
        assert job.who not in running
        running.add(job.who)
        await asyncio.sleep(0.2 if job.who == "slow" else 0.01)
        running.discard(job.who)
        return job

    async def complete(job: BackboneCall, outcome: object, _: UnitOfWork) -> RetryLater | None:
        assert outcome == job
        done.append((job.who, job.number))
        return None

    async with database.unit_of_work() as uow:
        uow.enqueue(*(BackboneCall(who=who, number=number) for number in range(5) for who in ("slow", "a", "b")))
    jobs = JobRunner(
        database, [JobHandler(BackboneCall, prepare_each(prepare), execute, complete_each(complete), concurrency=4)]
    )
    await jobs.start()
    await wait_until(lambda: len(done) >= 15)
    await jobs.stop()
    for who in ("slow", "a", "b"):
        assert [number for name, number in done if name == who] == list(range(5))
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT status, body, count(*) AS jobs FROM job GROUP BY status, body")
    assert [(row["status"], row["body"], row["jobs"]) for row in rows] == [("succeeded", {}, 15)]


async def test_a_job_is_retried_until_its_deadline_and_then_completed_as_expired(database: Database) -> None:
    ends: list[object] = []

    async def prepare(job: BackboneCall, _: Attempt, __: UnitOfWork) -> BackboneCall:
        return job

    async def execute(_: BackboneCall) -> RetryLater:
        return RetryLater(0.05, "busy")

    async def complete(_: BackboneCall, outcome: object, __: UnitOfWork) -> RetryLater | None:
        ends.append(outcome)
        return None

    async with database.unit_of_work() as uow:
        uow.enqueue(BackboneCall(who="a", number=1))
        await uow.flush()
        await uow.db.execute("UPDATE job SET deadline = now() + interval '1 second'")
    jobs = JobRunner(database, [JobHandler(BackboneCall, prepare_each(prepare), execute, complete_each(complete))])
    await jobs.start()
    await wait_until(lambda: len(ends) >= 1)
    await jobs.stop()
    assert ends == [DeadlineExceeded("busy")]


async def test_an_outcome_without_its_lease_changes_nothing(database: Database) -> None:
    called = asyncio.Event()

    async def prepare(job: BackboneCall, _: Attempt, __: UnitOfWork) -> BackboneCall:
        return job

    async def execute(job: BackboneCall) -> BackboneCall:
        called.set()
        await asyncio.sleep(0.5)
        return job

    async def complete(job: BackboneCall, _: object, uow: UnitOfWork) -> RetryLater | None:
        uow.enqueue(BackboneCall(who="b", number=job.number))
        return None

    async with database.unit_of_work() as uow:
        uow.enqueue(BackboneCall(who="a", number=1))
    jobs = JobRunner(database, [JobHandler(BackboneCall, prepare_each(prepare), execute, complete_each(complete))])
    await jobs.start()
    await called.wait()
    async with database.unit_of_work() as uow:
        await uow.db.execute("UPDATE job SET lease_token = $1, lease_expires_at = now() + interval '1 hour'", uuid7())
    await asyncio.sleep(1)
    await jobs.stop()
    async with database.unit_of_work() as uow:
        assert [row["key"] for row in await uow.db.fetch("SELECT key FROM job")] == ["a"]
