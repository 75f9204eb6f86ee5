"""The keyed job queue: unknown outcomes, waiting jobs, and failed jobs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from structlog.testing import capture_logs
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.jobs.queue import LEASE_S
from wanderamt.backbone.jobs.runner import DuplicateHandlerError, JobRunner
from wanderamt.backbone.messaging import replay
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, count_selected, list_groups
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, job_channel
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, Job, NeedsOperator, OutcomeUnknown, Paused, RetryLater
from wanderamt.shell.standard_routes import add_standard_routes
from wanderamt_testing.databases import OpenDatabase


class KeyedCall(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str
    number: int = 0


class OrphanedCall(KeyedCall):
    QUEUE: ClassVar[str] = "orphaned"


class JobProbe:
    """A job handler whose results a test can set, and a record of what it did."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.attempts: list[Attempt] = []
        self.done: list[tuple[str, int]] = []
        self.answers: list[object] = []
        self.poison: set[str] = set()
        self.failed_keys: list[str] = []
        self.handler = JobHandler(
            KeyedCall,
            prepare_each(self.prepare),
            self.execute,
            complete_each(self.complete),
            concurrency=4,
            timeout_s=0.3,
        )

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

    async def sql(self, statement: str) -> list[asyncpg.Record]:
        async with self.database.unit_of_work() as uow:
            return list(await uow.db.fetch(statement))


@pytest_asyncio.fixture
async def probe(open_database: OpenDatabase) -> JobProbe:
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

    handler = replace(probe.handler, admission=admission)
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

    async def refresh() -> None: ...

    add_standard_routes(app, {"jobs": jobs}, alive, dict, refresh_metrics=refresh)
    app.state.metrics_token = "secret"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        return await http.get("/health/ready", headers={"Authorization": "Bearer secret"})


async def test_other_processes_are_notified_of_a_job_only_if_this_one_leaves_jobs_due(probe: JobProbe) -> None:
    other = Database(probe.database.url, service_name=probe.database.service_name)
    await other.start()
    jobs = JobRunner(probe.database, [replace(probe.handler, timeout_s=5)])
    async with other.listen(job_channel("call")) as (_, notified):
        await jobs.start()
        await asyncio.sleep(0.3)  # the first claim found nothing
        notified.clear()
        async with probe.database.unit_of_work() as uow:
            uow.enqueue(KeyedCall(who="a"))
            uow.enqueue(KeyedCall(who="later"), after_s=60)
        async with asyncio.timeout(20):
            while not probe.done:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert not notified.is_set()
        probe.answers = ["hang"] * 4
        async with probe.database.unit_of_work() as uow:
            uow.enqueue(*(KeyedCall(who=f"b{number}") for number in range(6)))
        async with asyncio.timeout(20):
            await notified.wait()
    for task in list(jobs._running.values()):
        task.cancel()
    await jobs.stop()
    await other.stop()


async def test_a_failed_job_blocks_its_key_and_nothing_else(probe: JobProbe) -> None:
    probe.poison = {"dead"}
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(*(KeyedCall(who=who, number=number) for number in range(3) for who in ("dead", "well")))
    await probe.run(lambda: len(probe.done) == 3)
    await asyncio.sleep(0.2)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="dead", number=3))
    rows = await probe.sql("SELECT status, last_error FROM job WHERE key = 'dead' ORDER BY seq")
    assert [row["status"] for row in rows] == ["failed", "blocked", "blocked", "blocked"]
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
        while not await probe.sql("SELECT 1 FROM job WHERE status = 'failed'"):
            await asyncio.sleep(0.02)
    probe.poison, probe.attempts = set(), []
    consumer = EventConsumer("scheduling")
    consumer.on(StandCancelled)(_nothing)
    return Inbox(consumer, probe.database, "nowhere:9092", Topics())


async def _nothing(_: StandCancelled, __: UnitOfWork) -> None:
    return None


async def test_a_failed_job_has_a_dead_letter_and_a_replay_makes_it_due_again(probe: JobProbe) -> None:
    inbox = await failed_job(probe)
    async with probe.database.unit_of_work() as uow:
        [group] = await list_groups(uow)
        assert (group.type, group.reason, group.rows) == ("call", "ValueError in complete", 1)
        assert await count_selected(uow, "scheduling", DeadLetterFilter(uow.now)) == (1, 1)
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
        [group] = await list_groups(uow)
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
    await probe.run(lambda: len(probe.done) == 2, replace(probe.handler, complete=complete_each(complete)))
    assert probe.done == [("key", 1), ("key", 2)]
    rows = await probe.sql("SELECT status, last_error FROM job ORDER BY seq")
    assert [(row["status"], row["last_error"]) for row in rows] == [
        ("failed", "a person"),
        ("succeeded", ""),
        ("succeeded", ""),
    ]


async def test_a_job_that_cannot_be_prepared_is_postponed_alone(probe: JobProbe) -> None:
    async def prepare(job: KeyedCall, attempt: Attempt, uow: UnitOfWork) -> KeyedCall:
        if job.who == "odd" and attempt.number == 1:
            raise ValueError
        return await probe.prepare(job, attempt, uow)

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="odd"), KeyedCall(who="well"))
    await probe.run(lambda: len(probe.done) == 2, replace(probe.handler, prepare=prepare_each(prepare)))
    assert [who for who, _ in probe.done] == ["well", "odd"]


async def test_a_postponed_job_still_has_the_unknown_outcome_of_its_last_execution(probe: JobProbe) -> None:
    probe.answers = [OutcomeUnknown(0.01, "the line went dead after sending")]

    async def prepare(job: KeyedCall, attempt: Attempt, uow: UnitOfWork) -> object:
        await probe.prepare(job, attempt, uow)
        return RetryLater(0.01, "no free slot") if attempt.number == 2 else job

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    await probe.run(lambda: bool(probe.done), replace(probe.handler, prepare=prepare_each(prepare)))
    assert [attempt.previous_outcome_unknown for attempt in probe.attempts] == [False, True, True]


async def test_operators_can_group_the_jobs_by_status_and_a_succeeded_job_keeps_no_body(probe: JobProbe) -> None:
    await failed_job(probe)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="well"))
    await probe.run(lambda: probe.done == [("well", 0)])
    rows = await probe.sql("SELECT status, count(*) AS jobs FROM job GROUP BY status ORDER BY status")
    assert {row["status"]: row["jobs"] for row in rows} == {"failed": 1, "blocked": 2, "succeeded": 1}
    [row] = await probe.sql("SELECT body, trace_context FROM job WHERE status = 'succeeded'")
    assert row["body"] == {}


async def test_a_succeeded_job_is_deleted_after_its_retention(probe: JobProbe) -> None:
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"), KeyedCall(who="b"))
    await probe.run(lambda: len(probe.done) == 2)
    await probe.sql("UPDATE job SET finished_at = now() - interval '25 hours' WHERE key = 'a'")
    assert (await Housekeeping(probe.database, BackboneRetention()).sweep())["job"] == 1
    assert [row["key"] for row in await probe.sql("SELECT key FROM job")] == ["b"]


async def test_jobs_without_a_handler_are_reported_with_their_queue_and_number(probe: JobProbe) -> None:
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(OrphanedCall(who="a"), OrphanedCall(who="b"), KeyedCall(who="c"))
    jobs = JobRunner(probe.database, [probe.handler])
    with capture_logs() as logs:
        await jobs.start()
        async with asyncio.timeout(10):
            while not jobs.unhandled or not probe.done:
                await asyncio.sleep(0.02)
    response = await _ready(jobs)
    await jobs.stop()
    assert [entry for entry in logs if entry["event"] == "jobs.no_handler"] == [
        {"event": "jobs.no_handler", "log_level": "error", "queue": "orphaned", "jobs": 2}
    ]
    assert response.status_code == 200
    assert "queue orphaned has 2 jobs and no handler" in response.json()["components"]["jobs"]


async def test_two_handlers_of_one_queue_are_refused(probe: JobProbe) -> None:
    with pytest.raises(DuplicateHandlerError, match="two handlers of queue call"):
        JobRunner(probe.database, [probe.handler, probe.handler])


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

    handler = replace(probe.handler, execute=execute, concurrency=1, timeout_s=5)
    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"), KeyedCall(who="b"))
    await probe.run(lambda: bool(calling), handler)
    assert len(probe.done) == 1
    assert len(probe.attempts) == 1
    assert [row["status"] for row in await probe.sql("SELECT status FROM job ORDER BY seq")] == ["succeeded", "todo"]


async def test_a_graceful_stop_lets_a_claim_end_and_runs_its_jobs(probe: JobProbe) -> None:
    claiming, go_on = asyncio.Event(), asyncio.Event()

    async def prepare(job: KeyedCall, attempt: Attempt, uow: UnitOfWork) -> KeyedCall:
        claiming.set()
        await go_on.wait()
        return await probe.prepare(job, attempt, uow)

    async with probe.database.unit_of_work() as uow:
        uow.enqueue(KeyedCall(who="a"))
    jobs = JobRunner(probe.database, [replace(probe.handler, prepare=prepare_each(prepare))])
    await jobs.start()
    await asyncio.wait_for(claiming.wait(), 20)
    asyncio.get_running_loop().call_later(0.05, go_on.set)
    await jobs.stop()
    assert probe.done == [("a", 0)]


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
