"""Jobs that the transaction which enqueues them also claims: fewer transactions, and never a wait or a loss."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.jobs.queue import LEASE_S
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database, EarlyClaimError
from wanderamt.backbone.persistence.unit_of_work import RowLockedError, UnitOfWork
from wanderamt.contracts import EventHeader, StandCancelled, encode
from wanderamt.kernel.decision import Attempt, Job
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.statements import StatementLog, shortened


class Letter(Job):
    QUEUE: ClassVar[str] = "letters"
    KEY: ClassVar[str] = "number"
    DEADLINE_S: ClassVar[int] = 60

    number: int


class Parcel(Letter):
    QUEUE: ClassVar[str] = "parcels"


class CountedId(UUID):
    """Counts how often it is compared: tuples are compared by their first element, the id."""

    comparisons: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        CountedId.comparisons += 1
        return self is other

    __hash__ = UUID.__hash__


class Office:
    """Executes letters, and remembers which. `broken`: `prepare` raises for these. `closed`: `execute` waits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.executed: list[int] = []
        self.broken: set[int] = set()
        self.open = asyncio.Event()
        self.open.set()
        self.handler = JobHandler(
            Letter, prepare_each(self.prepare), self.execute, complete_each(self.complete), concurrency=2
        )

    async def prepare(self, job: Letter, _: Attempt, __: UnitOfWork) -> Letter:
        if job.number in self.broken:
            raise LookupError
        return job

    async def execute(self, job: Letter) -> Letter:
        await self.open.wait()
        self.executed.append(job.number)
        return job

    async def complete(self, _: Letter, __: Letter, ___: UnitOfWork) -> None:
        return None

    async def enqueue(self, *numbers: int, claim_jobs: bool = True) -> None:
        async with self.database.unit_of_work(claim_jobs=claim_jobs) as uow:
            uow.enqueue(*(Letter(number=number) for number in numbers))

    async def statuses(self) -> list[str]:
        async with self.database.unit_of_work() as uow:
            rows = await uow.db.fetch("SELECT status FROM job ORDER BY seq")
        return [row["status"] for row in rows]


@asynccontextmanager
async def running(office: Office, handler: JobHandler | None = None) -> AsyncIterator[JobRunner]:
    """A runner whose loop has found that nothing is due, and waits."""
    runner = JobRunner(office.database, [handler or office.handler])
    await runner.start()
    await until(lambda: not runner._states[0].more_due)
    yield runner
    await runner.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_an_idle_runner_claims_a_job_in_the_transaction_that_enqueues_it(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office):
        log = await StatementLog.of(office.database)
        await office.enqueue(1)
        await until(lambda: office.executed == [1])
    starts = [sent for sent in log.transactions() if any("'running'" in sql and "UPDATE" not in sql for sql in sent)]
    assert len(starts) == 1, starts
    assert [sql[:15] for sql in starts[0]] == ["BEGIN;", "INSERT INTO job", "COMMIT;"], shortened(starts[0])
    assert await office.statuses() == ["succeeded"]


async def test_what_exceeds_the_free_slots_waits_for_the_loop(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office) as runner:
        office.open.clear()
        await office.enqueue(1, 2, 3)
        await until(lambda: len(runner._running) == 2)
        await office.enqueue(4)
        assert (await office.statuses()) == ["running", "running", "todo", "todo"]
        office.open.set()
        await until(lambda: sorted(office.executed) == [1, 2, 3, 4])


async def test_of_two_jobs_of_a_key_the_first_runs_first(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office):
        office.open.clear()
        await office.enqueue(1, 1)
        assert (await office.statuses()) == ["running", "todo"]
        office.open.set()
        await until(lambda: office.executed == [1, 1])


async def test_a_job_behind_an_unfinished_one_of_its_key_is_not_started(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office):
        office.open.clear()
        await office.enqueue(1)
        with pytest.raises(EarlyClaimError):
            await office.enqueue(1)
        assert (await office.statuses()) == ["running"]
        await office.enqueue(1, claim_jobs=False)  # repeated, as a consumer does
        assert (await office.statuses()) == ["running", "todo"]
        office.open.set()
        await until(lambda: office.executed == [1, 1])


async def test_jobs_that_the_transaction_has_written_before_are_claimed_with_the_others(
    open_database: OpenDatabase,
) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office):
        async with office.database.unit_of_work(claim_jobs=True) as uow:
            uow.enqueue(Letter(number=1))
            await uow.flush()
            uow.enqueue(Letter(number=1), Letter(number=2))
        await until(lambda: sorted(office.executed) == [1, 1, 2])


async def test_a_transaction_that_rolls_back_starts_nothing_and_frees_its_slots(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    async with running(office) as runner:
        claim = next(iter(office.database.job_claimers.values())).claim
        with pytest.raises(ZeroDivisionError):
            async with office.database.unit_of_work() as uow:
                uow.enqueue(Letter(number=1))
                end = await claim(uow)
                assert end
                assert runner._states[0].free == 1
                end(False)
                raise ZeroDivisionError
        assert runner._states[0].free == 2
        await office.enqueue(2)
        await until(lambda: office.executed == [2])
    assert await office.statuses() == ["succeeded"]


async def test_a_job_that_cannot_be_prepared_is_left_to_the_loop_after_one_failure(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    office.broken = {1}
    async with running(office):
        with capture_logs() as logs, pytest.raises(EarlyClaimError):
            await office.enqueue(1, 2)
        assert [line["event"] for line in logs] == ["jobs.early_claim_failed"]
        await office.enqueue(1, 2)
        await until(lambda: office.executed == [2])
    assert await office.statuses() == ["todo", "succeeded"]


async def test_a_queue_whose_claim_fails_keeps_no_slot_of_another(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    office, parcels = Office(database), Office(database)
    broken = replace(parcels.handler, job=Parcel, prepare=prepare_each(_fail))
    runner = JobRunner(database, [office.handler, broken])
    await runner.start()
    await until(lambda: not any(state.more_due for state in runner._states))
    with pytest.raises(EarlyClaimError):
        async with database.unit_of_work(claim_jobs=True) as uow:
            uow.enqueue(Letter(number=1), Parcel(number=1))
    assert [state.free for state in runner._states] == [2, 2]
    await runner.stop()


async def _fail(_: Parcel, __: Attempt, ___: UnitOfWork) -> None:
    raise LookupError


async def test_thousands_of_jobs_of_a_transaction_hold_up_nobody(open_database: OpenDatabase) -> None:
    """Counted, not timed: each job is compared with no other."""
    database = await open_database("scheduling")
    database.environment = replace(database.environment, new_id=lambda: CountedId(int=uuid7().int))
    async with database.unit_of_work() as uow:
        uow.enqueue(*(Letter(number=number) for number in range(3000)))
        assert len(uow.take_due_jobs(Letter.QUEUE)) == 3000
    assert CountedId.comparisons == 0


async def test_a_due_job_stays_behind_one_of_its_key_that_is_not_due(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        uow.enqueue(Letter(number=1), after_s=5)
        uow.enqueue(Letter(number=1), Letter(number=2))
        assert [job.key for _, job, *_ in uow.take_due_jobs(Letter.QUEUE)] == ["2"]


async def test_it_waits_for_no_row_that_the_admission_finds_locked(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    refused = []

    async def admission(free: int, uow: UnitOfWork) -> int:
        if uow.skip_locked:
            refused.append(free)
            raise RowLockedError
        return free

    async with running(office, replace(office.handler, admission=admission)):
        await office.enqueue(1)
        await until(lambda: office.executed == [1])
    assert refused == [2]


async def test_a_consumer_repeats_at_once_when_a_key_is_busy(open_database: OpenDatabase, topics: Topics) -> None:
    office = Office(await open_database("scheduling"))
    consumer = EventConsumer("scheduling", name="listener")

    @consumer.on(StandCancelled)
    async def on_cancelled(_: StandCancelled, uow: UnitOfWork) -> None:
        uow.enqueue(Letter(number=1))

    inbox = Inbox(consumer, office.database, "127.0.0.1:1", topics)
    async with running(office):
        office.open.clear()
        with capture_logs() as logs:
            for offset in range(2):
                await inbox.process_batch([record_of_cancelled_stand(topics, offset)])
        assert [line for line in logs if line["log_level"] != "info"] == []
        assert await office.statuses() == ["running", "todo"]
        office.open.set()
        await until(lambda: office.executed == [1, 1])


async def test_a_lease_counts_from_the_claim_not_from_the_begin_of_a_long_batch(open_database: OpenDatabase) -> None:
    office = Office(await open_database("scheduling"))
    started = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    now = started
    async with running(office):
        office.open.clear()
        office.database.environment = replace(office.database.environment, clock=lambda: now)
        async with office.database.unit_of_work(claim_jobs=True) as uow:
            uow.enqueue(Letter(number=1))
            now = started + timedelta(seconds=20)  # the other events of the batch
        async with office.database.unit_of_work() as uow:
            lease = await uow.db.fetchval("SELECT lease_expires_at FROM job")
        assert lease == now + timedelta(seconds=LEASE_S)
        office.open.set()


def record_of_cancelled_stand(topics: Topics, offset: int) -> RawRecord:
    at = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
    event = StandCancelled(stand_id=uuid7(), reason="rain", cancelled_at=at)
    header = EventHeader(uuid7(), event.TYPE, "/wanderamt/scheduling", event.stand_id, at, 1, {})
    key, value, headers = encode(event, header)
    return RawRecord(topics.name("stand.v1"), 0, offset, key, value, headers)
