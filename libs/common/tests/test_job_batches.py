"""Job handlers that take many jobs in a transaction: few transactions, and each job still fails alone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest_asyncio
from wanderamt.backbone.jobs.handler import CompletedJob, JobHandler
from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.jobs.runner import DRAIN_S, JobRunner
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Job, NeedsOperator, OutcomeUnknown, RetryLater
from wanderamt_testing.databases import OpenDatabase


class BatchedCall(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "number"
    DEADLINE_S: ClassVar[int] = 60

    number: int


class FollowUp(BatchedCall):
    QUEUE: ClassVar[str] = "follow-up"


class BatchJobProbe:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.claims: list[list[int]] = []
        self.records: list[list[int]] = []
        self.interrupted: list[int] = []
        self.answers: dict[int, list[object]] = {}
        self.poison: set[int] = set()
        self.handler = JobHandler(
            BatchedCall, self.prepare, self.execute, self.complete, concurrency=100, timeout_s=0.5, batch_size=250
        )

    async def prepare(self, claimed: Sequence[ClaimedJob], uow: UnitOfWork) -> list[object]:
        self.claims.append([entry.job.number for entry in claimed])
        self.interrupted += [entry.job.number for entry in claimed if entry.attempt.previous_outcome_unknown]
        if -1 in self.claims[-1]:
            raise ValueError
        return [entry.job for entry in claimed]

    async def execute(self, job: BatchedCall) -> object:
        answers = self.answers.get(job.number, [])
        answer = answers.pop(0) if answers else job
        if answer == "hang":
            await asyncio.sleep(60)
        return answer

    async def complete(
        self, completed: Sequence[CompletedJob], uow: UnitOfWork
    ) -> list[RetryLater | OutcomeUnknown | NeedsOperator | None]:
        if self.poison & {entry.job.number for entry in completed}:
            raise ValueError
        self.records.append([entry.job.number for entry in completed])
        return [
            entry.outcome if isinstance(entry.outcome, RetryLater | OutcomeUnknown | NeedsOperator) else None
            for entry in completed
        ]

    async def put(self, *numbers: int) -> None:
        async with self.database.unit_of_work() as uow:
            uow.enqueue(*(BatchedCall(number=number) for number in numbers))

    async def run(self, holds: Callable[[], bool], handler: JobHandler | None = None) -> JobRunner:
        jobs = JobRunner(self.database, [handler or self.handler])
        await jobs.start()
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.02)
        await jobs.stop()
        return jobs

    def recorded(self) -> list[int]:
        return sorted(number for batch in self.records for number in batch)

    async def left(self) -> list[tuple[int, str]]:
        async with self.database.unit_of_work() as uow:
            rows = await uow.db.fetch("SELECT body, status FROM job WHERE status <> 'succeeded' ORDER BY seq")
        return [(row["body"]["number"], row["status"]) for row in rows]


@pytest_asyncio.fixture
async def probe(open_database: OpenDatabase) -> BatchJobProbe:
    return BatchJobProbe(await open_database("scheduling"))


async def test_five_hundred_jobs_take_a_few_transactions(probe: BatchJobProbe) -> None:
    await probe.put(*range(500))
    jobs = await probe.run(lambda: len(probe.recorded()) == 500)
    assert probe.recorded() == list(range(500))
    assert jobs.done == 500
    assert len(probe.claims) < 60


async def test_a_second_stop_waits_for_nothing(probe: BatchJobProbe) -> None:
    await probe.put(1)
    jobs = await probe.run(lambda: bool(probe.recorded()))
    async with asyncio.timeout(DRAIN_S / 2):
        await jobs.stop()
    assert len(probe.records) < 60
    assert await probe.left() == []


async def test_a_retry_runs_again_and_an_unknown_outcome_is_known_to_the_next_attempt(probe: BatchJobProbe) -> None:
    probe.answers = {1: [RetryLater(0.0, "later")], 2: [OutcomeUnknown(0.0, "no answer")], 3: ["hang"]}
    await probe.put(1, 2, 3, 4)
    await probe.run(lambda: probe.recorded() == [1, 1, 2, 2, 3, 3, 4])
    assert sorted(probe.interrupted) == [2, 3]
    assert await probe.left() == []


async def test_a_job_that_cannot_be_completed_fails_alone(probe: BatchJobProbe) -> None:
    probe.poison = {7}
    await probe.put(*range(10))
    await probe.run(lambda: len(probe.recorded()) == 9)
    assert await probe.left() == [(7, "failed")]


async def test_a_job_that_cannot_be_prepared_is_postponed_alone_in_a_batch(probe: BatchJobProbe) -> None:
    await probe.put(*range(5), -1)
    await probe.run(lambda: len(probe.recorded()) == 5)
    assert await probe.left() == [(-1, "todo")]


async def test_nothing_of_an_outcome_with_a_lost_lease_is_written(probe: BatchJobProbe) -> None:
    await probe.put(1, 2)
    both_called = asyncio.Barrier(2)

    async def execute(job: BatchedCall) -> BatchedCall:
        if job.number == 1:
            async with probe.database.unit_of_work() as uow:
                await uow.db.execute("CREATE TABLE effect (number integer)")
                await uow.db.execute("UPDATE job SET lease_token = gen_random_uuid() WHERE body->>'number' = '1'")
        await both_called.wait()
        return job

    async def complete(completed: Sequence[CompletedJob], uow: UnitOfWork) -> list[None]:
        for entry in completed:
            await uow.db.execute("INSERT INTO effect VALUES ($1)", entry.job.number)
        probe.records.append([entry.job.number for entry in completed])
        return [None] * len(completed)

    jobs = await probe.run(lambda: len(probe.records) == 2, replace(probe.handler, execute=execute, complete=complete))
    assert probe.records == [[1, 2], [2]]
    assert jobs.done == 1
    assert await probe.left() == [(1, "running")]
    async with probe.database.unit_of_work() as uow:
        assert [row["number"] for row in await uow.db.fetch("SELECT number FROM effect")] == [2]


async def test_two_jobs_that_fail_in_one_batch_keep_their_own_traces(probe: BatchJobProbe) -> None:
    traces = {number: {"traceparent": f"00-{number:032x}-{number:016x}-00"} for number in (1, 2)}
    for number, trace in traces.items():
        with message_context(trace):
            await probe.put(number)

    async def complete(completed: Sequence[CompletedJob], uow: UnitOfWork) -> list[NeedsOperator]:
        probe.records.append([entry.job.number for entry in completed])
        for entry in completed:
            with message_context(entry.trace_context):
                uow.enqueue(FollowUp(number=entry.job.number))
        return [NeedsOperator("a person")] * len(completed)

    await probe.run(lambda: probe.records == [[1, 2]], replace(probe.handler, complete=complete))
    async with probe.database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT status, body, trace_context FROM job ORDER BY seq")
    assert [(row["status"], row["body"]["number"], row["trace_context"]) for row in rows] == [
        *(("failed", number, trace) for number, trace in traces.items()),
        *(("todo", number, trace) for number, trace in traces.items()),
    ]


async def test_jobs_that_need_no_execution_free_their_slots_at_once(probe: BatchJobProbe) -> None:
    await probe.put(*range(100))

    async def admission(free: int, uow: UnitOfWork) -> int:
        return 1

    async def prepare(claimed: Sequence[ClaimedJob], uow: UnitOfWork) -> list[object]:
        return [entry.job if entry.job.number == 99 else None for entry in claimed]

    begun = asyncio.get_running_loop().time()
    await probe.run(lambda: probe.recorded() == [99], replace(probe.handler, admission=admission, prepare=prepare))
    assert asyncio.get_running_loop().time() - begun < 20  # a hundred leases, not a hundred poll intervals


async def test_a_graceful_stop_completes_running_jobs(probe: BatchJobProbe) -> None:
    await probe.put(*range(20))
    begun = []

    async def execute(job: BatchedCall) -> BatchedCall:
        begun.append(job.number)
        await asyncio.sleep(0.3)
        return job

    await probe.run(lambda: len(begun) == 20, replace(probe.handler, execute=execute, timeout_s=10))
    assert probe.recorded() == list(range(20))
