"""The checker reports each guard of the backbone that a mutant switches off; with the guard, the same test is clean."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord
from faststream.kafka import KafkaBroker
from faults_fixtures import MessagingPipeline
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.completion import CompletionWriter
from wanderamt.backbone.jobs.handler import CompletedJob, JobHandler, JobResult, complete_each, prepare_each
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging.consumer import Handler
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter
from wanderamt.backbone.messaging.deduplication import Deduplicator, InboxState
from wanderamt.backbone.messaging.handler_watch import HandlerFailedError
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.records import Deliver, ReceivedEvent
from wanderamt.backbone.messaging.relay import TOPIC_OF, Relay
from wanderamt.backbone.messaging.replay import replay
from wanderamt.backbone.persistence.outbox import SHARDS, header_of_row
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import to_headers
from wanderamt.kernel.decision import Attempt, Job, RetryLater
from wanderamt_faults.audit import audit_effects
from wanderamt_testing.waiting import wait_until

# the inbox


class IgnoresEventIds(Deduplicator):
    async def lookup(
        self, events: Sequence[ReceivedEvent], uow: UnitOfWork, *, dead_letters: bool = False
    ) -> dict[UUID, InboxState]:
        known = await super().lookup(events, uow, dead_letters=dead_letters)
        rows = await uow.db.fetch(
            "SELECT topic, aggregate, version FROM inbox_version WHERE consumer = $1", self.consumer
        )
        versions = {(row["topic"], row["aggregate"]): row["version"] for row in rows}
        return {
            event.header.id: known.get(event.header.id, InboxState(versions.get(event.aggregate, 0), False))
            for event in events
        }


class IgnoresVersions(Deduplicator):
    def not_stale(self, events: Iterable[ReceivedEvent], states: Mapping[UUID, InboxState]) -> list[ReceivedEvent]:
        return list(events)


class IgnoresWatermarks(Deduplicator):
    async def lookup(
        self, events: Sequence[ReceivedEvent], uow: UnitOfWork, *, dead_letters: bool = False
    ) -> dict[UUID, InboxState]:
        return await super().lookup(events, uow, dead_letters=True)


def inbox_with(kind: type[Deduplicator]) -> type[Inbox]:
    class InboxMutant(Inbox):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.deduplicator = kind(self.consumer)

    return InboxMutant


class CrashesBeforeDelete(Relay):
    """Not a mutant: crashes once, after the acknowledgement and before the deletion."""

    crashed = False

    async def _delete(self, connection: asyncpg.Connection, ids: list[int]) -> None:
        if not self.crashed:
            self.crashed = True
            raise KafkaConnectionError
        await super()._delete(connection, ids)


@pytest.mark.parametrize(("kind", "clean"), [(Deduplicator, True), (IgnoresEventIds, False)])
async def test_a_relay_that_sends_twice_needs_the_event_ids(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[Deduplicator], clean: bool
) -> None:
    """Housekeeping has deleted the versions of idle aggregates in between."""
    await pipeline.publish(stands, versions=range(1, 2))
    await pipeline.relay_all(CrashesBeforeDelete)
    inbox = inbox_with(kind)
    await pipeline.consume_all(len(stands), inbox)
    await pipeline.sql("DELETE FROM inbox_version")
    await pipeline.publish(stands, versions=range(2, 3))
    await pipeline.sql(
        "UPDATE inbox_watermark SET next_offset = 0"
    )  # in this test the repeated records are beyond the watermark
    await pipeline.rewind()
    await pipeline.relay_all()
    await pipeline.consume_all(2 * len(stands), inbox)
    findings = await pipeline.audit(crashes=1)
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean


@pytest.mark.parametrize(("kind", "clean"), [(Deduplicator, True), (IgnoresVersions, False)])
async def test_a_relay_that_resumes_late_needs_the_versions(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[Deduplicator], clean: bool
) -> None:
    """The relay sends its old batch after newer events, when housekeeping has deleted the event ids."""
    await pipeline.publish(stands, versions=range(1, 2))
    old = await pipeline.sql("SELECT * FROM outbox")
    await pipeline.relay_all()
    await pipeline.publish(stands, versions=range(2, 3))
    await pipeline.relay_all()
    inbox = inbox_with(kind)
    await pipeline.consume_all(2 * len(stands), inbox)
    await pipeline.sql("DELETE FROM inbox")
    await pipeline.insert_again(old)
    await pipeline.relay_all()
    await pipeline.consume_all(2 * len(stands), inbox)
    findings = await pipeline.audit(crashes=1)
    assert findings.clean is clean, findings.complaints
    assert bool(findings.reordered) is not clean


@pytest.mark.parametrize(("kind", "clean"), [(Deduplicator, True), (IgnoresWatermarks, False)])
async def test_a_topic_read_again_from_offset_0_needs_the_watermarks(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[Deduplicator], clean: bool
) -> None:
    """Housekeeping has deleted event ids and versions long ago."""
    await pipeline.publish(stands, versions=range(1, 4))
    await pipeline.relay_all()
    inbox = inbox_with(kind)
    await pipeline.consume_all(3 * len(stands), inbox)
    await pipeline.sql("DELETE FROM inbox")
    await pipeline.sql("DELETE FROM inbox_version")
    await pipeline.rewind()
    await pipeline.consume_all(3 * len(stands), inbox)
    findings = await pipeline.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean


class StoresNoDeadLetters(Inbox):
    """Ignores the failure and continues, as many frameworks do by default."""

    async def _handle_one(self, handler: Handler, event: ReceivedEvent, uow: UnitOfWork) -> None:
        try:
            await super()._handle_one(handler, event, uow)
        except HandlerFailedError:
            return


@pytest.mark.parametrize(("kind", "clean"), [(Inbox, True), (StoresNoDeadLetters, False)])
async def test_a_failing_handler_needs_the_dead_letters(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[Inbox], clean: bool
) -> None:
    pipeline.poisoned = {(stands[0], 2)}
    await pipeline.publish(stands, versions=range(1, 4))
    await pipeline.relay_all()
    await pipeline.consume_all(3 * len(stands) - 2, kind)
    pipeline.poisoned = set()  # the cause is fixed
    async for _ in replay(pipeline.inbox(kind), DeadLetterFilter(utc_now()), who="tester", rate=None):
        pass
    findings = await pipeline.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.lost) is not clean


class CommitsOffsetsFirst(Inbox):
    """Commits the offsets before the transaction: a crash in between loses the batch."""

    reached = False

    async def receive(self, records: Sequence[ConsumerRecord[bytes, bytes]], deliver: Deliver) -> None:
        await self._subscriber.consumer.commit()
        self.reached = True
        await asyncio.sleep(60)  # the test kills it here


class CrashesBeforeProcessing(Inbox):
    """Not a mutant: the test kills it at the same moment, before anything is committed."""

    reached = False

    async def receive(self, records: Sequence[ConsumerRecord[bytes, bytes]], deliver: Deliver) -> None:
        self.reached = True
        await asyncio.sleep(60)


@pytest.mark.parametrize(("kind", "clean"), [(CrashesBeforeProcessing, True), (CommitsOffsetsFirst, False)])
async def test_a_consumer_commits_its_database_before_its_offsets(
    pipeline: MessagingPipeline,
    stands: list[UUID],
    kind: type[CrashesBeforeProcessing | CommitsOffsetsFirst],
    clean: bool,
) -> None:
    await pipeline.publish(stands, versions=range(1, 2))
    await pipeline.relay_all()
    doomed = pipeline.inbox(kind)
    await doomed.start()
    async with asyncio.timeout(20):
        while not doomed.reached:
            await asyncio.sleep(0.05)
    for task in doomed._subscriber.tasks:
        task.cancel()
    await doomed.stop()
    await pipeline.publish(stands, versions=range(2, 3))
    await pipeline.relay_all()
    await pipeline.consume_all(len(stands) * (2 if clean else 1))
    findings = await pipeline.audit()
    assert findings.clean is clean, findings.complaints
    assert bool(findings.lost) is not clean


# the relay


async def wait_until_two(there: set[int]) -> None:
    async with asyncio.timeout(20):
        while len(there) < 2:
            await asyncio.sleep(0.02)


class ClaimsWithoutLock(Relay):
    """Claims all shards without a lock. Each relay waits until both have read, and until both have sent before it
    deletes, so that the result does not depend on speed."""

    have_read: ClassVar[set[int]] = set()
    have_sent: ClassVar[set[int]] = set()

    async def _publish(self, rows: list[asyncpg.Record], producer: AIOKafkaProducer) -> None:
        self.have_read.add(id(self))
        await wait_until_two(self.have_read)
        await super()._publish(rows, producer)
        self.have_sent.add(id(self))
        await wait_until_two(self.have_sent)

    async def _claim_shards(self, connection: asyncpg.Connection, held: list[int]) -> list[int]:
        return [shard for shard in range(SHARDS) if shard not in held]


class DeletesBeforePublish(Relay):
    """Deletes the rows before the broker acknowledges them: a crash loses them."""

    crashed = False

    async def _publish(self, rows: list[asyncpg.Record], producer: AIOKafkaProducer) -> None:
        await super()._delete(self.connection, [row["id"] for row in rows])
        if not self.crashed:
            self.crashed = True
            raise KafkaConnectionError
        await super()._publish(rows, producer)

    async def _send_shards(
        self, connection: asyncpg.Connection, signal: asyncio.Event, producer: AIOKafkaProducer
    ) -> None:
        self.connection = connection
        await super()._send_shards(connection, signal, producer)


class IgnoresKeys(Relay):
    """Uses the publish_batch of FastStream, which sends a batch to one partition and ignores the keys."""

    async def _publish(self, rows: list[asyncpg.Record], producer: AIOKafkaProducer) -> None:
        broker = KafkaBroker(self.bootstrap_servers, logger=None)
        await broker.connect()
        for row in rows:
            header = to_headers(header_of_row(row, source="/wanderamt/scheduling"))
            headers = {name: value.decode() for name, value in header}
            topic = self.topics.name(TOPIC_OF[row["type"]])
            await broker.publish_batch(row["value"], topic=topic, headers=headers)
        await broker.stop()


class LocksRowsOnly(Relay):
    """Locks rows and not keys, as most outbox libraries do."""

    instances: ClassVar[int] = 0

    async def start(self) -> None:
        LocksRowsOnly.instances += 1
        self.pause_s = 0.02 if LocksRowsOnly.instances % 2 else 0.08
        await super().start()

    async def _claim_shards(self, connection: asyncpg.Connection, held: list[int]) -> list[int]:
        return [shard for shard in range(SHARDS) if shard not in held]

    async def _send_batch(self, connection: asyncpg.Connection, held: list[int], producer: AIOKafkaProducer) -> int:
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
        (ClaimsWithoutLock, 2, {"doubled"}),
        (DeletesBeforePublish, 1, {"lost"}),
        (IgnoresKeys, 1, {"reordered"}),
        (LocksRowsOnly, 2, {"reordered"}),
    ],
)
async def test_a_relay_needs_locks_order_and_acknowledgements(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[Relay], relays: int, kinds: set[str]
) -> None:
    await pipeline.publish(stands, versions=range(1, 61))
    running = [pipeline.relay(kind) for _ in range(relays)]
    for relay in running:
        await relay.start()
    await pipeline.wait_until_sent()
    for relay in running:
        await relay.stop()
    findings = await pipeline.audit(effects=False)
    assert findings.clean is (not kinds), findings.complaints
    for name in kinds:
        assert getattr(findings, name), findings.complaints


# the job queue


class EffectJob(Job):
    QUEUE: ClassVar[str] = "effect"
    KEY: ClassVar[str] = "subject"
    DEADLINE_S: ClassVar[int] = 60

    subject: UUID


class IgnoresLease(CompletionWriter):
    async def _record(self, batch: Sequence[CompletedJob], results: Sequence[JobResult], uow: UnitOfWork) -> set[UUID]:
        ids = {entry.claimed.id for entry in batch}
        await uow.db.execute("UPDATE job SET status = 'succeeded' WHERE id = ANY($1::uuid[])", list(ids))
        return ids


@pytest.mark.parametrize(("kind", "clean"), [(CompletionWriter, True), (IgnoresLease, False)])
async def test_a_runner_that_was_stalled_needs_the_lease(
    pipeline: MessagingPipeline, stands: list[UUID], kind: type[CompletionWriter], clean: bool
) -> None:
    """Its lease expires, another runner completes the job, then it resumes and tries to complete the job again."""
    resumed = asyncio.Event()
    calls = 0

    async def prepare(job: EffectJob, _: Attempt, __: UnitOfWork) -> EffectJob:
        return job

    async def execute(job: EffectJob) -> EffectJob:
        nonlocal calls
        calls += 1
        if calls == 1:
            await resumed.wait()
        return job

    async def complete(job: EffectJob, _: EffectJob, uow: UnitOfWork) -> RetryLater | None:
        await uow.db.execute("INSERT INTO effect (subject, version) VALUES ($1, 1)", job.subject)
        return None

    async def called() -> bool:
        return calls == 1

    handler = JobHandler(EffectJob, prepare_each(prepare), execute, complete_each(complete))

    async def started_runner() -> JobRunner:
        runner = JobRunner(pipeline.database, [handler])
        await runner.start()
        for state in runner._states:
            state.completion = kind(pipeline.database, handler, runner.rng)
        return runner

    async with pipeline.database.unit_of_work() as uow:
        uow.enqueue(EffectJob(subject=stands[0]))
    stalled = await started_runner()
    await wait_until(called)
    stalled._leases.clear()  # it extends no lease any more
    await pipeline.sql("UPDATE job SET lease_expires_at = now() - interval '1 second'")
    other = await started_runner()
    await pipeline.wait_for_effects(1)
    resumed.set()
    await asyncio.sleep(1)
    await stalled.stop()
    await other.stop()
    rows = await pipeline.sql("SELECT subject::text, version FROM effect ORDER BY id")
    findings = audit_effects({str(stands[0]): 1}, [(row["subject"], row["version"]) for row in rows])
    assert findings.clean is clean, findings.complaints
    assert bool(findings.doubled) is not clean
