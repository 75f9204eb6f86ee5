"""Each guard of the backbone, switched off, is reported by the checker; with it on, the same scene is clean."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import KafkaBroker
from wanderamt.backbone.guards import Fact, Guards
from wanderamt.backbone.inbox import HandlerFailed, Inbox
from wanderamt.backbone.job_rows import Claimed
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.outbox import SHARDS, head_of
from wanderamt.backbone.relay import TOPIC_OF, Relay
from wanderamt.backbone.replay import Selection, replay
from wanderamt.backbone.sources import utc_now
from wanderamt.backbone.work import Work
from wanderamt.contracts import headers_of
from wanderamt.kernel.decision import Attempt, Job, Retry
from wanderamt_faults.audit import audit_effects

# the inbox


class BlindToIds(Guards):
    async def look_up(self, items: Sequence[Any], work: Work, **how: Any) -> dict[UUID, Fact]:
        known = await super().look_up(items, work, **how)
        rows = await work.db.fetch("SELECT aggregate, version FROM inbox_version WHERE consumer = $1", self.consumer)
        versions = {row["aggregate"]: row["version"] for row in rows}
        return {
            item.head.id: known.get(item.head.id, Fact(versions.get(item.head.subject, 0), False)) for item in items
        }


class BlindToVersions(Guards):
    def newer(self, items: Any, facts: Any) -> list[Any]:
        return list(items)


class BlindToOffsets(Guards):
    async def look_up(self, items: Sequence[Any], work: Work, **_: Any) -> dict[UUID, Fact]:
        return await super().look_up(items, work, parked=True)


def with_guards(kind: type[Guards]) -> type[Inbox]:
    class Mutant(Inbox):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.guards = kind(self.consumer)

    return Mutant


class DiesBeforeDeleting(Relay):
    """Not a mutant: a crash at the commit point after the acknowledgement."""

    died = False

    async def _delete(self, connection: Any, ids: list[int]) -> None:
        if not self.died:
            self.died = True
            raise KafkaConnectionError
        await super()._delete(connection, ids)


@pytest.mark.parametrize(("guards", "clean"), [(Guards, True), (BlindToIds, False)])
async def test_a_relay_that_sends_twice_needs_the_event_ids(rig: Any, stands: Any, guards: Any, clean: bool) -> None:
    """The versions of idle aggregates have been swept meanwhile."""
    await rig.tell(stands, versions=range(1, 2))
    await rig.send_all(DiesBeforeDeleting)
    inbox = with_guards(guards)
    await rig.hear_all(len(stands), inbox)
    await rig.sql("DELETE FROM inbox_version")
    await rig.tell(stands, versions=range(2, 3))
    await rig.sql("UPDATE inbox_mark SET next_offset = 0")  # what was sent twice lies behind the mark here
    await _rewind(rig)
    await rig.send_all()
    await rig.hear_all(2 * len(stands), inbox)
    findings = await rig.audit(crashes=1)
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean


@pytest.mark.parametrize(("guards", "clean"), [(Guards, True), (BlindToVersions, False)])
async def test_a_relay_that_wakes_up_late_needs_the_versions(rig: Any, stands: Any, guards: Any, clean: bool) -> None:
    """It sends its old batch after newer events, when the event ids have been swept."""
    await rig.tell(stands, versions=range(1, 2))
    old = await rig.sql("SELECT * FROM outbox")
    await rig.send_all()
    await rig.tell(stands, versions=range(2, 3))
    await rig.send_all()
    inbox = with_guards(guards)
    await rig.hear_all(2 * len(stands), inbox)
    await rig.sql("DELETE FROM inbox")
    await _put_back(rig, old)
    await rig.send_all()
    await rig.hear_all(2 * len(stands), inbox)
    findings = await rig.audit(crashes=1)
    assert findings.clean is clean, findings.complaints
    assert bool(findings.reordered) is not clean


@pytest.mark.parametrize(("guards", "clean"), [(Guards, True), (BlindToOffsets, False)])
async def test_a_log_replayed_from_0_years_later_needs_the_marks(
    rig: Any, stands: Any, guards: Any, clean: bool
) -> None:
    """Ids and versions have been swept long ago."""
    await rig.tell(stands, versions=range(1, 4))
    await rig.send_all()
    inbox = with_guards(guards)
    await rig.hear_all(3 * len(stands), inbox)
    await rig.sql("DELETE FROM inbox")
    await rig.sql("DELETE FROM inbox_version")
    await _rewind(rig)
    await rig.hear_all(3 * len(stands), inbox)
    findings = await rig.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean


class ParksNothing(Inbox):
    """Logs and goes on, as the admired frameworks do by default."""

    async def _handle_one(self, handler: Any, item: Any, work: Work) -> None:
        try:
            await super()._handle_one(handler, item, work)
        except HandlerFailed:
            return


@pytest.mark.parametrize(("kind", "clean"), [(Inbox, True), (ParksNothing, False)])
async def test_a_handler_that_fails_needs_the_parking(rig: Any, stands: Any, kind: Any, clean: bool) -> None:
    rig.poisoned = {(stands[0], 2)}
    await rig.tell(stands, versions=range(1, 4))
    await rig.send_all()
    await rig.hear_all(3 * len(stands) - 2, kind)
    rig.poisoned = set()  # the cause is mended
    async for _ in replay(rig.inbox(kind), Selection(utc_now()), who="tester", rate=None):
        pass
    findings = await rig.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.lost) is not clean


class CommitsFirst(Inbox):
    """The offsets before the transaction: what a crash in between takes with it is gone."""

    reached = False

    async def _on_batch(self, records: Sequence[Any]) -> None:
        await self._subscriber.consumer.commit()
        self.reached = True
        await asyncio.sleep(60)  # it is killed here


class CommitsAfter(Inbox):
    """Not a mutant: killed at the same moment."""

    reached = False

    async def _on_batch(self, records: Sequence[Any]) -> None:
        self.reached = True
        await asyncio.sleep(60)


@pytest.mark.parametrize(("kind", "clean"), [(CommitsAfter, True), (CommitsFirst, False)])
async def test_a_consumer_needs_its_database_before_its_offsets(rig: Any, stands: Any, kind: Any, clean: bool) -> None:
    await rig.tell(stands, versions=range(1, 2))
    await rig.send_all()
    doomed = rig.inbox(kind)
    await doomed.start()
    async with asyncio.timeout(20):
        while not doomed.reached:
            await asyncio.sleep(0.05)
    for task in doomed._subscriber.tasks:
        task.cancel()
    await doomed.stop()
    await rig.tell(stands, versions=range(2, 3))
    await rig.send_all()
    await rig.hear_all(len(stands) * (2 if clean else 1))
    findings = await rig.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.lost) is not clean


# the relay


class Unlocked(Relay):
    """Who has read waits for the other to read, too: how fast the one was is left to no machine."""

    have_read: ClassVar[set[int]] = set()

    async def _publish(self, rows: list[Any], producer: Any) -> None:
        self.have_read.add(id(self))
        async with asyncio.timeout(20):
            while len(self.have_read) < 2:
                await asyncio.sleep(0.02)
        await super()._publish(rows, producer)

    async def _claim_shards(self, connection: Any, held: list[int]) -> list[int]:
        return [shard for shard in range(SHARDS) if shard not in held]


class DeletesFirst(Relay):
    """What the broker has not acknowledged when it dies is gone."""

    died = False

    async def _publish(self, rows: list[Any], producer: Any) -> None:
        connection = self.locked
        await super()._delete(connection, [row["id"] for row in rows])
        if not self.died:
            self.died = True
            raise KafkaConnectionError
        await super()._publish(rows, producer)

    async def _send_shards(self, connection: Any, woken: Any, producer: Any) -> None:
        self.locked = connection
        await super()._send_shards(connection, woken, producer)


class PublishesBatches(Relay):
    """By the framework's publish_batch, which puts a batch into one partition, whatever its keys."""

    async def _publish(self, rows: list[Any], producer: Any) -> None:
        broker = KafkaBroker(self.bootstrap_servers, logger=None)
        await broker.connect()
        for row in rows:
            name = self.topics.name(TOPIC_OF[row["type"]])
            told = headers_of(head_of(row, source="/wanderamt/scheduling"))
            headers = {name: value.decode() for name, value in told}
            await broker.publish_batch(row["value"], topic=name, headers=headers)
        await broker.stop()


class SkipsLocked(Relay):
    """As most outbox libraries do: rows, not keys, are locked."""

    made: ClassVar[int] = 0

    async def start(self) -> None:
        SkipsLocked.made += 1
        self.pause_s = 0.02 if SkipsLocked.made % 2 else 0.08
        await super().start()

    async def _claim_shards(self, connection: Any, held: list[int]) -> list[int]:
        return [shard for shard in range(SHARDS) if shard not in held]

    async def _send_batch(self, connection: Any, held: list[int], producer: Any) -> int:
        async with connection.transaction():
            rows = await connection.fetch("SELECT * FROM outbox ORDER BY id LIMIT 7 FOR UPDATE SKIP LOCKED")
            if rows:
                await asyncio.sleep(self.pause_s)
                await self._publish(rows, producer)
                await self._delete(connection, [row["id"] for row in rows])
        return 1000 if rows else 0


@pytest.mark.parametrize(
    ("kind", "relays", "kinds"),
    [
        (Relay, 2, set()),
        (Unlocked, 2, {"doubled"}),
        (DeletesFirst, 1, {"lost"}),
        (PublishesBatches, 1, {"reordered"}),
        (SkipsLocked, 2, {"reordered"}),
    ],
)
async def test_a_relay_needs_its_locks_its_order_and_its_acknowledgements(
    rig: Any, stands: Any, kind: Any, relays: int, kinds: set[str]
) -> None:
    await rig.tell(stands, versions=range(1, 61))
    running = [rig.relay(kind) for _ in range(relays)]
    for one in running:
        await one.start()
    await rig.until_sent()
    for one in running:
        await one.stop()
    findings = await rig.audit(effects=False)
    assert findings.clean is (not kinds), findings.complaints
    for name in kinds:
        assert getattr(findings, name), findings.complaints


# the job queue


class Effect(Job):
    QUEUE: ClassVar[str] = "effect"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: UUID


class HeedsNoLease(Jobs):
    async def _record_once(self, lane: Lane, claimed: Claimed, outcome: object, work: Work) -> None:
        await lane.record(claimed.job, outcome, work)
        await work.db.execute("DELETE FROM job WHERE id = $1", claimed.id)


@pytest.mark.parametrize(("kind", "clean"), [(Jobs, True), (HeedsNoLease, False)])
async def test_a_runner_that_was_frozen_needs_the_lease(rig: Any, stands: Any, kind: Any, clean: bool) -> None:
    """Its lease ended, another did the job, then it wakes and wants to record its own outcome."""
    woken = asyncio.Event()
    calls = 0

    async def claim(job: Effect, _: Attempt, __: Work) -> Effect:
        return job

    async def call(job: Effect) -> Effect:
        nonlocal calls
        calls += 1
        if calls == 1:
            await woken.wait()
        return job

    async def record(job: Effect, _: Effect, work: Work) -> Retry | None:
        await work.db.execute("INSERT INTO effect (subject, version) VALUES ($1, 1)", job.who)
        return None

    async def called() -> bool:
        return calls == 1

    lane = Lane(Effect, claim, call, record)
    async with rig.database.work() as work:
        work.enqueue(Effect(who=stands[0]))
    frozen, other = kind(rig.database, [lane]), kind(rig.database, [lane])
    await frozen.start()
    await rig.until(called)
    frozen._leases.clear()  # it renews nothing any more
    await rig.sql("UPDATE job SET leased_until = now() - interval '1 second'")
    await other.start()
    await rig.until_effects(1)
    woken.set()
    await asyncio.sleep(1)
    await frozen.stop()
    await other.stop()
    rows = await rig.sql("SELECT subject::text, version FROM effect ORDER BY id")
    findings = audit_effects({str(stands[0]): 1}, [(row["subject"], row["version"]) for row in rows])
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean


async def _rewind(rig: Any) -> None:

    consumer = AIOKafkaConsumer(
        bootstrap_servers=rig.kafka, group_id=rig.topics.name("listener"), enable_auto_commit=False
    )
    await consumer.start()
    partitions = [TopicPartition(rig.topics.name("stand.v1"), number) for number in range(3)]
    consumer.assign(partitions)
    await consumer.commit(dict.fromkeys(partitions, 0))
    await consumer.stop()


async def _put_back(rig: Any, rows: list[Any]) -> None:
    async with rig.database.work() as work:
        for row in rows:
            await work.db.execute(
                """
                INSERT INTO outbox (event_id, shard, type, aggregate, version, value, emitted_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                *(row[name] for name in ("event_id", "shard", "type", "aggregate", "version", "value", "emitted_at")),
            )
