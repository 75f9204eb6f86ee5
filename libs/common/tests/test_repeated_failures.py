"""Jobs that can never succeed: they end for an operator within a known number of attempts and stop nothing else."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

import pytest
from structlog.testing import capture_logs
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.handler import JobHandler, JobResult, complete_each, prepare_each
from wanderamt.backbone.jobs.repeated_failure import MAX_IN_A_ROW
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging import replay
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, list_groups
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, Job, KeepsFailing, NeedsOperator
from wanderamt_testing.databases import OpenDatabase


class FragileJob(Job):
    QUEUE: ClassVar[str] = "fragile"
    KEY: ClassVar[str] = "name"
    DEADLINE_S: ClassVar[int] = 86_400

    name: str


class FragileWork:
    """Jobs named `broken` fail in one step. Waits are skipped, so that a day of attempts takes a second."""

    def __init__(self, database: Database, *, step: str, error: type[Exception] = ValueError) -> None:
        self.database, self.step, self.error = database, step, error
        self.mended = False
        self.attempts = 0
        self.done: list[str] = []

    async def prepare(self, job: FragileJob, _: Attempt, __: UnitOfWork) -> FragileJob:
        self._fail(job, "prepare")
        return job

    async def execute(self, job: FragileJob) -> FragileJob:
        self._fail(job, "execute")
        return job

    async def complete(self, job: FragileJob, outcome: object, _: UnitOfWork) -> JobResult:
        if isinstance(outcome, KeepsFailing):
            return NeedsOperator(outcome.reason, blocks_key=False)
        self.done.append(job.name)
        return None

    async def run(self, holds: Callable[[], bool], *, until_failed: bool = False) -> None:
        steps = prepare_each(self.prepare), self.execute, complete_each(self.complete)
        runner = JobRunner(self.database, [JobHandler(FragileJob, *steps)])
        await runner.start()
        with capture_logs():  # tracebacks are not of interest here
            await self._skip_waits(holds, until_failed=until_failed)
        await runner.stop()

    async def _skip_waits(self, holds: Callable[[], bool], *, until_failed: bool) -> None:
        async with asyncio.timeout(60):
            while not holds() or (until_failed and "failed" not in (await self.status()).values()):
                async with self.database.unit_of_work() as uow:
                    await uow.db.execute("UPDATE job SET run_at = $1 WHERE run_at > $1 AND status <> 'failed'", uow.now)
                await asyncio.sleep(0.02)

    async def status(self) -> dict[str, str]:
        async with self.database.unit_of_work() as uow:
            rows = await uow.db.fetch("SELECT coalesce(body ->> 'name', id::text) AS name, status FROM job")
        return {row["name"]: row["status"] for row in rows}

    def _fail(self, job: FragileJob, step: str) -> None:
        if job.name == "broken" and step == self.step and not self.mended:
            self.attempts += 1
            raise self.error("a name")


@pytest.mark.parametrize("step", ["prepare", "execute"])
async def test_a_job_that_always_fails_ends_and_a_retry_after_the_mend_does_it(
    open_database: OpenDatabase, step: str
) -> None:
    work = FragileWork(await open_database("scheduling"), step=step)
    async with work.database.unit_of_work() as uow:
        uow.enqueue(FragileJob(name="broken"), *(FragileJob(name=f"well {number}") for number in range(20)))
    await work.run(lambda: len(work.done) == 20, until_failed=True)
    assert work.attempts <= 2 * MAX_IN_A_ROW  # a failed preparation is tried once in its batch and once alone
    async with work.database.unit_of_work() as uow:
        [group] = await list_groups(uow)
    reason = f"ValueError in {step}, {MAX_IN_A_ROW} times in a row"
    assert (group.type, group.reason, group.rows) == ("fragile", reason, 1)
    assert (await work.status())["broken"] == "failed"
    attempts = work.attempts
    async with work.database.unit_of_work() as uow:
        uow.enqueue(FragileJob(name="later"))
    await work.run(lambda: "later" in work.done)
    assert work.attempts == attempts
    await _retry(work)
    await work.run(lambda: work.attempts > attempts, until_failed=True)  # at once: nothing was mended
    assert work.attempts <= attempts + 2
    work.mended = True
    await _retry(work)
    await work.run(lambda: "broken" in work.done)
    async with work.database.unit_of_work() as uow:
        assert not await list_groups(uow)


async def test_time_outs_and_broken_connections_are_tried_until_the_deadline(open_database: OpenDatabase) -> None:
    work = FragileWork(await open_database("scheduling"), step="execute", error=ConnectionResetError)
    async with work.database.unit_of_work() as uow:
        uow.enqueue(FragileJob(name="broken"))
    await work.run(lambda: work.attempts > MAX_IN_A_ROW + 2)
    work.mended = True
    await work.run(lambda: "broken" in work.done)


async def test_a_job_of_another_version_fails_alone(open_database: OpenDatabase) -> None:
    work = FragileWork(await open_database("scheduling"), step="")
    async with work.database.unit_of_work() as uow:
        uow.enqueue(*(FragileJob(name=f"well {number}") for number in range(5)))
    async with work.database.unit_of_work() as uow:
        await uow.db.execute("""UPDATE job SET body = '{"title": "x"}' WHERE key = 'well 0'""")
    await work.run(lambda: len(work.done) == 4, until_failed=True)
    async with work.database.unit_of_work() as uow:
        [group] = await list_groups(uow)
    assert group.reason == "FragileJob with unreadable name"


async def _retry(work: FragileWork) -> None:
    consumer = EventConsumer("scheduling")
    consumer.on(StandCancelled)(_ignore)
    inbox = Inbox(consumer, work.database, "nowhere:9092", Topics())
    async for _ in replay.replay(inbox, DeadLetterFilter(utc_now()), who="operator", rate=None):
        pass


async def _ignore(_: StandCancelled, __: UnitOfWork) -> None:
    return None
