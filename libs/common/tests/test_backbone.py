"""Outbox, relay, inbox and jobs together, on a real broker and a real database."""

import asyncio
from typing import Any, ClassVar
from uuid import UUID

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, Expired, Job, Retry

NOW = "2026-05-04T09:30:00+02:00"


class Call(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str
    number: int


def cancelled(stand_id: UUID, reason: str = "rain") -> StandCancelled:
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": reason, "cancelled_at": NOW})


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def database(open_database: Any) -> Database:
    opened: Database = await open_database("scheduling")
    return opened


async def count(database: Database, table: str) -> int:
    async with database.work() as work:
        return int(await work.db.fetchval(f"SELECT count(*) FROM {table}"))


async def test_events_arrive_once_and_in_order_per_aggregate(database: Database, servers: Any, topics: Any) -> None:
    heard: list[tuple[UUID, str]] = []

    async def on_cancelled(event: StandCancelled, _: Work) -> None:
        heard.append((event.stand_id, event.reason))

    await topics.create(servers.kafka.bootstrap_servers, partitions=3)
    stands = [uuid7() for _ in range(20)]
    for version in range(1, 11):
        async with database.work() as work:
            for stand_id in stands:
                work.emit(cancelled(stand_id, str(version)), version=version)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox("listener", {StandCancelled: on_cancelled}, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    await until(lambda: _heard(heard, 200))
    await inbox.stop()
    await relay.stop()
    assert await count(database, "outbox") == 0
    for stand_id in stands:
        assert [reason for who, reason in heard if who == stand_id] == [str(version) for version in range(1, 11)]


@pytest.mark.parametrize("where", ["position", "getmany"])
async def test_a_client_that_is_broken_for_good_is_made_anew_and_nothing_is_missed(
    database: Database, servers: Any, topics: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As aiokafka is once its coordinator wrote to a connection that was closed under it."""
    monkeypatch.setattr("wanderamt.backbone.inbox.LOOK_EVERY_S", 0.2)
    heard: list[str] = []

    async def on_cancelled(event: StandCancelled, _: Work) -> None:
        heard.append(event.reason)

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    await topics.create(servers.kafka.bootstrap_servers, partitions=3)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox("listener", {StandCancelled: on_cancelled}, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    stand_id = uuid7()
    async with database.work() as work:
        work.emit(cancelled(stand_id, "before"), version=1)
    await until(lambda: _heard(heard, 1))
    consumer, stop = inbox._subscriber.consumer, inbox._broker.stop

    async def stop_and_fail() -> None:
        await stop()
        await broken()

    monkeypatch.setattr(consumer, where, broken)
    monkeypatch.setattr(inbox._broker, "stop", stop_and_fail)
    async with database.work() as work:
        work.emit(cancelled(stand_id, "after"), version=2)

    async def renewed() -> bool:
        return inbox._subscriber.consumer not in (None, consumer)

    await until(renewed)
    await until(lambda: _heard(heard, 2))
    assert heard == ["before", "after"]
    await inbox.stop()
    await relay.stop()


async def _heard(heard: list[Any], number: int) -> bool:
    return len(heard) >= number


async def test_nothing_is_emitted_when_the_transaction_fails(database: Database) -> None:
    async def fail() -> None:
        async with database.work() as work:
            work.emit(cancelled(uuid7()), version=1)
            await work.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await count(database, "outbox") == 0


async def test_a_commit_wakes_this_process_at_once_and_others_by_a_notification_that_is_not_heard_twice(
    database: Database,
) -> None:
    other = Database(database.url, owner=database.owner)
    await other.start()
    try:
        async with database.listening("c") as (_, here), other.listening("c") as (_, there):
            database.wake("c")
            assert here.is_set()
            here.clear()
            async with asyncio.timeout(10):
                await there.wait()
            await asyncio.sleep(0.2)
            assert not here.is_set()
            other.wake("c")
            async with asyncio.timeout(10):
                await here.wait()
    finally:
        await other.stop()


async def test_a_service_cannot_emit_to_a_topic_of_another(database: Database) -> None:
    database.owner = "intake"
    async with database.work() as work:
        with pytest.raises(PermissionError):
            work.emit(cancelled(uuid7()), version=1)


async def test_a_poisoned_aggregate_is_parked_with_its_successors_and_all_others_flow(
    database: Database, servers: Any, topics: Any
) -> None:
    done: list[UUID] = []
    poisoned, healthy = uuid7(), uuid7()

    async def on_cancelled(event: StandCancelled, _: Work) -> None:
        if event.stand_id == poisoned:
            raise ValueError
        done.append(event.stand_id)

    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait(topics.name("stand.v1"), b"\x00garbage", headers=[("ce_id", b"\xff")])
    await producer.stop()
    async with database.work() as work:
        for version in (1, 2):
            work.emit(cancelled(poisoned), version=version)
            work.emit(cancelled(healthy), version=version)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    inbox = Inbox("listener", {StandCancelled: on_cancelled}, database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()

    async def settled() -> bool:
        return await count(database, "parked") == 3 and await count(database, "inbox") == 4

    await until(settled)
    await inbox.stop()
    await relay.stop()
    async with database.work() as work:
        rows = await work.db.fetch("SELECT state, aggregate, value, reason FROM parked ORDER BY id")
    assert [row["state"] for row in rows] == ["quarantined", "parked", "behind"]
    assert rows[0]["value"] == b"\x00garbage"
    assert all(row["reason"] for row in rows)
    assert {row["aggregate"] for row in rows[1:]} == {poisoned}
    assert done[-2:] == [healthy, healthy]


async def test_jobs_of_one_key_run_one_after_the_other_and_other_keys_do_not_wait(database: Database) -> None:
    running: set[str] = set()
    done: list[tuple[str, int]] = []

    async def claim(job: Call, _: Attempt, __: Work) -> Call:
        return job

    async def call(job: Call) -> Call:
        assert job.who not in running
        running.add(job.who)
        await asyncio.sleep(0.2 if job.who == "slow" else 0.01)
        running.discard(job.who)
        return job

    async def record(job: Call, outcome: Any, _: Work) -> Retry | None:
        assert outcome == job
        done.append((job.who, job.number))
        return None

    async with database.work() as work:
        work.enqueue(*(Call(who=who, number=number) for number in range(5) for who in ("slow", "a", "b")))
    jobs = Jobs(database, [Lane(Call, claim, call, record, slots=4)])
    await jobs.start()
    await until(lambda: _heard(done, 15))
    await jobs.stop()
    for who in ("slow", "a", "b"):
        assert [number for name, number in done if name == who] == list(range(5))
    assert await count(database, "job") == 0


async def test_a_job_is_retried_until_its_deadline_and_then_recorded_as_expired(database: Database) -> None:
    ends: list[Any] = []

    async def claim(job: Call, _: Attempt, __: Work) -> Call:
        return job

    async def call(_: Call) -> Retry:
        return Retry(0.05, "busy")

    async def record(_: Call, outcome: Any, __: Work) -> Retry | None:
        ends.append(outcome)
        return None

    async with database.work() as work:
        work.enqueue(Call(who="a", number=1))
        await work.flush()
        await work.db.execute("UPDATE job SET deadline = now() + interval '1 second'")
    jobs = Jobs(database, [Lane(Call, claim, call, record)])
    await jobs.start()
    await until(lambda: _heard(ends, 1))
    await jobs.stop()
    assert ends == [Expired("busy")]


async def test_an_outcome_without_its_lease_changes_nothing(database: Database) -> None:
    called = asyncio.Event()

    async def claim(job: Call, _: Attempt, __: Work) -> Call:
        return job

    async def call(job: Call) -> Call:
        called.set()
        await asyncio.sleep(0.5)
        return job

    async def record(job: Call, _: Any, work: Work) -> Retry | None:
        work.enqueue(Call(who="b", number=job.number))
        return None

    async with database.work() as work:
        work.enqueue(Call(who="a", number=1))
    jobs = Jobs(database, [Lane(Call, claim, call, record)])
    await jobs.start()
    await called.wait()
    async with database.work() as work:
        await work.db.execute("UPDATE job SET lease = $1, leased_until = now() + interval '1 hour'", uuid7())
    await asyncio.sleep(1)
    await jobs.stop()
    async with database.work() as work:
        assert [row["key"] for row in await work.db.fetch("SELECT key FROM job")] == ["a"]
