"""The keyed job queue: unknown outcomes, waiting jobs, and failed jobs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest_asyncio
from fastapi import FastAPI
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.queue import LEASE_S
from wanderamt.backbone.jobs.runner import JobHandler, JobRunner
from wanderamt.backbone.messaging import replay
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.replay import DeadLetterFilter
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, Job, NeedsOperator, OutcomeUnknown, Paused, RetryLater
from wanderamt.shell.standard_routes import add_standard_routes


class KeyedCall(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str
    number: int = 0


class JobProbe:
    """A job handler whose results a test can set, and a record of what it did."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.attempts: list[Attempt] = []
        self.done: list[tuple[str, int]] = []
        self.answers: list[Any] = []
        self.poison: set[str] = set()
        self.failed_keys: list[str] = []
        self.handler = JobHandler(KeyedCall, self.prepare, self.execute, self.complete, concurrency=4, timeout_s=0.3)

    async def prepare(self, job: KeyedCall, attempt: Attempt, _: UnitOfWork) -> KeyedCall:
        self.attempts.append(attempt)
        return job

    async def execute(self, job: KeyedCall) -> object:
        answer = self.answers.pop(0) if self.answers else job
        if answer == "hang":
            await asyncio.sleep(60)
        return answer

    async def complete(self, job: KeyedCall, _: object, __: UnitOfWork) -> RetryLater | None:
        if job.who in self.poison:
            self.failed_keys.append(job.who)
            raise ValueError
        self.done.append((job.who, job.number))
        return None

    async def run(self, holds: Callable[[], bool], handler: JobHandler | None = None) -> JobRunner:
        jobs = JobRunner(self.database, [handler or self.handler])
        await jobs.start()
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.02)
        await jobs.stop()
        return jobs

    async def sql(self, statement: str) -> list[Any]:
        async with self.database.unit_of_work() as uow:
            return list(await uow.db.fetch(statement))


@pytest_asyncio.fixture
async def probe(open_database: Any) -> JobProbe:
    return JobProbe(await open_database("scheduling"))


async def test_the_attempt_after_an_unknown_outcome_learns_that(probe: JobProbe) -> None:
    probe.answers = [OutcomeUnknown(0.05, "the line went dead after sending")]
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    await probe.run(lambda: bool(probe.done))
    assert [attempt.previous_outcome_unknown for attempt in probe.attempts] == [False, True]


async def test_the_outcome_of_an_execution_that_times_out_is_unknown(probe: JobProbe) -> None:
    probe.answers = ["hang"]
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    await probe.run(lambda: bool(probe.done))
    assert [attempt.previous_outcome_unknown for attempt in probe.attempts] == [False, True]


async def test_the_attempt_after_retry_later_knows_there_was_no_effect(probe: JobProbe) -> None:
    probe.answers = [RetryLater(0.05, "busy")]
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    await probe.run(lambda: bool(probe.done))
    assert [(attempt.number, attempt.previous_outcome_unknown) for attempt in probe.attempts] == [
        (1, False),
        (2, False),
    ]


async def test_a_pause_leases_nothing_uses_up_no_attempt_and_shows_its_reason(probe: JobProbe) -> None:
    paused = True

    async def admission(free: int, _: UnitOfWork) -> int | Paused:
        return Paused("the breaker is open") if paused else free

    handler = JobHandler(KeyedCall, probe.prepare, probe.execute, probe.complete, admission=admission)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    jobs = JobRunner(probe.database, [handler])
    await jobs.start()
    await asyncio.sleep(1.5)
    assert (jobs.health_problem, jobs.paused) == ("", {"call": "the breaker is open"})
    response = await _ready(jobs)
    assert response.status_code == 200, "a paused register does not make the service unready"
    assert response.json()["components"]["jobs"] == "call is paused: the breaker is open"
    jobs.health_problem = "cannot go on"
    assert (await _ready(jobs)).status_code == 503
    jobs.health_problem = ""
    assert probe.attempts == []
    paused = False
    async with asyncio.timeout(10):
        while not probe.done:
            await asyncio.sleep(0.05)
    assert jobs.paused == {}
    await jobs.stop()
    assert [attempt.number for attempt in probe.attempts] == [1]


async def _ready(jobs: JobRunner) -> httpx.Response:
    app = FastAPI()

    async def alive() -> bool:
        return True

    add_standard_routes(app, {"jobs": jobs}, alive, dict)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        return await http.get("/health/ready")


async def test_a_failed_job_blocks_its_key_and_nothing_else(probe: JobProbe) -> None:
    probe.poison = {"dead"}
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(*(KeyedCall(who=who, number=number) for number in range(3) for who in ("dead", "well")))
    await probe.run(lambda: len(probe.done) == 3)
    await asyncio.sleep(0.2)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="dead", number=3))
    rows = await probe.sql("SELECT failed, blocked, last_error FROM job ORDER BY seq")
    assert [(row["failed"], row["blocked"]) for row in rows] == [
        (True, False),
        (False, True),
        (False, True),
        (False, True),
    ]
    assert rows[0]["last_error"] == "ValueError in complete"
    assert [who for who, _ in probe.done] == ["well"] * 3
    await probe.run(lambda: True)
    assert len(probe.done) == 3


async def failed_job(probe: JobProbe) -> Inbox:
    """A failed job of the key `dead` with two jobs behind it, and the inbox that replays it."""
    probe.poison = {"dead"}
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(*(KeyedCall(who="dead", number=number) for number in range(3)))
    await probe.run(lambda: bool(probe.failed_keys))
    async with asyncio.timeout(5):
        while not await probe.sql("SELECT 1 FROM job WHERE failed"):
            await asyncio.sleep(0.02)
    probe.poison, probe.attempts = set(), []
    return Inbox("scheduling", {StandCancelled: _nothing}, probe.database, "nowhere:9092", Topics())


async def _nothing(_: StandCancelled, __: UnitOfWork) -> None:
    return None


async def test_a_failed_job_has_a_dead_letter_and_a_replay_makes_it_due_again(probe: JobProbe) -> None:
    inbox = await failed_job(probe)
    async with probe.database.unit_of_work() as uow:
        [group] = await replay.list_groups(uow, "scheduling")
        assert (group.type, group.reason, group.rows) == ("call", "ValueError in complete", 1)
        assert await replay.count_selected(uow, "scheduling", DeadLetterFilter(uow.now)) == (1, 1)
    summaries = [
        summary async for summary in replay.replay(inbox, DeadLetterFilter(utc_now()), who="operator", rate=None)
    ]
    assert (summaries[-1].replayed, summaries[-1].failed) == (1, 0)
    await probe.run(lambda: len(probe.done) == 3)
    assert probe.done == [("dead", 0), ("dead", 1), ("dead", 2)]
    assert probe.attempts[0].previous_outcome_unknown  # it may have had its effect, and the next attempt learns that
    assert not await probe.sql("SELECT 1 FROM dead_letter")


async def test_a_discarded_failed_job_unblocks_the_jobs_behind_it(probe: JobProbe) -> None:
    inbox = await failed_job(probe)
    async with probe.database.unit_of_work() as uow:
        [group] = await replay.list_groups(uow, inbox.consumer)
        chosen = DeadLetterFilter(uow.now, fingerprint=group.fingerprint)
        assert await replay.discard(uow, inbox.consumer, chosen, who="operator", why="asked at the register") == 1
    await probe.run(lambda: len(probe.done) == 2)
    assert probe.done == [("dead", 1), ("dead", 2)]


async def test_a_failed_job_that_does_not_block_its_key_lets_the_next_job_run(probe: JobProbe) -> None:
    async def complete(job: KeyedCall, outcome: object, uow: UnitOfWork) -> NeedsOperator | RetryLater | None:
        return (
            NeedsOperator("a person", blocks_key=False) if job.number == 0 else await probe.complete(job, outcome, uow)
        )

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(*(KeyedCall(who="key", number=number) for number in range(3)))
    await probe.run(lambda: len(probe.done) == 2, replace(probe.handler, complete=complete))
    assert probe.done == [("key", 1), ("key", 2)]
    [row] = await probe.sql("SELECT failed, last_error FROM job")
    assert (row["failed"], row["last_error"]) == (True, "a person")


async def test_a_job_that_cannot_be_prepared_is_postponed_alone(probe: JobProbe) -> None:
    async def prepare(job: KeyedCall, attempt: Attempt, uow: UnitOfWork) -> KeyedCall:
        if job.who == "odd" and attempt.number == 1:
            raise ValueError
        return await probe.prepare(job, attempt, uow)

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="odd"), KeyedCall(who="well"))
    await probe.run(lambda: len(probe.done) == 2, JobHandler(KeyedCall, prepare, probe.execute, probe.complete))
    assert [who for who, _ in probe.done] == ["well", "odd"]


async def test_a_job_for_later_waits(probe: JobProbe) -> None:
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="later", number=1), after_s=1.0)
        uow.enqueue(KeyedCall(who="now", number=2))
    await probe.run(lambda: len(probe.done) == 2)
    assert [who for who, _ in probe.done] == ["now", "later"]


async def test_a_graceful_stop_lets_the_running_job_end_and_leases_nothing_more(probe: JobProbe) -> None:
    calling: list[str] = []

    async def execute(job: KeyedCall) -> KeyedCall:
        calling.append(job.who)
        await asyncio.sleep(0.25)
        return job

    handler = JobHandler(KeyedCall, probe.prepare, execute, probe.complete, concurrency=1, timeout_s=5)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"), KeyedCall(who="b"))
    await probe.run(lambda: bool(calling), handler)
    assert len(probe.done) == 1
    assert len(probe.attempts) == 1
    assert [row["lease_token"] for row in await probe.sql("SELECT lease_token FROM job")] == [None]


async def test_an_execution_longer_than_its_lease_runs_once(probe: JobProbe) -> None:
    calls: list[str] = []

    async def execute(job: KeyedCall) -> KeyedCall:
        calls.append(job.who)
        await asyncio.sleep(LEASE_S + 2)
        return job

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="slow"))
    handler = replace(probe.handler, execute=execute, timeout_s=LEASE_S + 5)
    await probe.run(lambda: bool(probe.done), handler)
    assert calls == ["slow"]
    assert len(probe.attempts) == 1
