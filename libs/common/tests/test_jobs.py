"""The keyed job queue: what is not known, what must wait, and what is dead."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest_asyncio
from fastapi import FastAPI
from wanderamt.backbone import replay
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.job_rows import LEASE_S
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.replay import Selection
from wanderamt.backbone.sources import utc_now
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Attempt, Job, Park, Pause, Retry, Unknown
from wanderamt.shell.http import add_health


class Call(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 60

    who: str
    number: int = 0


class Desk:
    """A lane whose parts a test can set, and what happened in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.attempts: list[Attempt] = []
        self.done: list[tuple[str, int]] = []
        self.answers: list[Any] = []
        self.poison: set[str] = set()
        self.stumbled: list[str] = []
        self.lane = Lane(Call, self.claim, self.call, self.record, slots=4, timeout_s=0.3)

    async def claim(self, job: Call, attempt: Attempt, _: Work) -> Call:
        self.attempts.append(attempt)
        return job

    async def call(self, job: Call) -> object:
        answer = self.answers.pop(0) if self.answers else job
        if answer == "hang":
            await asyncio.sleep(60)
        return answer

    async def record(self, job: Call, _: object, __: Work) -> Retry | None:
        if job.who in self.poison:
            self.stumbled.append(job.who)
            raise ValueError
        self.done.append((job.who, job.number))
        return None

    async def run(self, holds: Callable[[], bool], lane: Lane | None = None) -> Jobs:
        jobs = Jobs(self.database, [lane or self.lane])
        await jobs.start()
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.02)
        await jobs.stop()
        return jobs

    async def sql(self, statement: str) -> list[Any]:
        async with self.database.work() as work:
            return list(await work.db.fetch(statement))


@pytest_asyncio.fixture
async def desk(open_database: Any) -> Desk:
    return Desk(await open_database("scheduling"))


async def test_an_unknown_outcome_is_claimed_again_as_interrupted(desk: Desk) -> None:
    desk.answers = [Unknown(0.05, "the line went dead after sending")]
    async with desk.database.work() as work:
        work.enqueue(Call(who="a"))
    await desk.run(lambda: bool(desk.done))
    assert [one.interrupted for one in desk.attempts] == [False, True]


async def test_a_call_that_times_out_is_not_taken_for_one_without_effect(desk: Desk) -> None:
    desk.answers = ["hang"]
    async with desk.database.work() as work:
        work.enqueue(Call(who="a"))
    await desk.run(lambda: bool(desk.done))
    assert [one.interrupted for one in desk.attempts] == [False, True]


async def test_a_retry_is_surely_without_effect(desk: Desk) -> None:
    desk.answers = [Retry(0.05, "busy")]
    async with desk.database.work() as work:
        work.enqueue(Call(who="a"))
    await desk.run(lambda: bool(desk.done))
    assert [(one.number, one.interrupted) for one in desk.attempts] == [(1, False), (2, False)]


async def test_a_pause_claims_nothing_spends_no_try_and_says_why(desk: Desk) -> None:
    paused = True

    async def gate(free: int, _: Work) -> int | Pause:
        return Pause("the breaker is open") if paused else free

    lane = Lane(Call, desk.claim, desk.call, desk.record, gate=gate)
    async with desk.database.work() as work:
        work.enqueue(Call(who="a"))
    jobs = Jobs(desk.database, [lane])
    await jobs.start()
    await asyncio.sleep(1.5)
    assert (jobs.trouble, jobs.pauses) == ("", {"call": "the breaker is open"})
    told = await _ready(jobs)
    assert told.status_code == 200, "a register that is closed is no reason to send nobody here"
    assert told.json()["parts"]["jobs"] == "call is paused: the breaker is open"
    jobs.trouble = "cannot go on"
    assert (await _ready(jobs)).status_code == 503
    jobs.trouble = ""
    assert desk.attempts == []
    paused = False
    async with asyncio.timeout(10):
        while not desk.done:
            await asyncio.sleep(0.05)
    assert jobs.pauses == {}
    await jobs.stop()
    assert [one.number for one in desk.attempts] == [1]


async def _ready(jobs: Jobs) -> httpx.Response:
    app = FastAPI()

    async def alive() -> bool:
        return True

    add_health(app, {"jobs": jobs}, alive)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        return await http.get("/health/ready")


async def test_a_dead_job_parks_its_key_and_nothing_else(desk: Desk) -> None:
    desk.poison = {"dead"}
    async with desk.database.work() as work:
        work.enqueue(*(Call(who=who, number=number) for number in range(3) for who in ("dead", "well")))
    await desk.run(lambda: len(desk.done) == 3)
    await asyncio.sleep(0.2)
    async with desk.database.work() as work:
        work.enqueue(Call(who="dead", number=3))
    rows = await desk.sql("SELECT dead, behind, reason FROM job ORDER BY seq")
    assert [(row["dead"], row["behind"]) for row in rows] == [
        (True, False),
        (False, True),
        (False, True),
        (False, True),
    ]
    assert rows[0]["reason"] == "ValueError in record"
    assert [who for who, _ in desk.done] == ["well"] * 3
    await desk.run(lambda: True)
    assert len(desk.done) == 3


async def dead_one(desk: Desk) -> Inbox:
    """A dead job of the key `dead` with two behind it, and what replays it."""
    desk.poison = {"dead"}
    async with desk.database.work() as work:
        work.enqueue(*(Call(who="dead", number=number) for number in range(3)))
    await desk.run(lambda: bool(desk.stumbled))
    async with asyncio.timeout(5):
        while not await desk.sql("SELECT 1 FROM job WHERE dead"):
            await asyncio.sleep(0.02)
    desk.poison, desk.attempts = set(), []
    return Inbox("scheduling", {StandCancelled: _nothing}, desk.database, "nowhere:9092", Topics())


async def _nothing(_: StandCancelled, __: Work) -> None:
    return None


async def test_a_dead_job_stands_among_the_parked_rows_and_is_set_going_again_by_a_replay(desk: Desk) -> None:
    inbox = await dead_one(desk)
    async with desk.database.work() as work:
        [group] = await replay.groups(work, "scheduling")
        assert (group.type, group.reason, group.rows) == ("call", "ValueError in record", 1)
        assert await replay.count(work, "scheduling", Selection(work.now)) == (1, 1)
    tallies = [tally async for tally in replay.replay(inbox, Selection(utc_now()), who="operator", rate=None)]
    assert (tallies[-1].replayed, tallies[-1].failed) == (1, 0)
    await desk.run(lambda: len(desk.done) == 3)
    assert desk.done == [("dead", 0), ("dead", 1), ("dead", 2)]
    assert desk.attempts[0].interrupted  # it may have had its effect: whoever claims it is told
    assert not await desk.sql("SELECT 1 FROM parked")


async def test_a_dead_job_thrown_away_lets_what_is_behind_it_go_on(desk: Desk) -> None:
    inbox = await dead_one(desk)
    async with desk.database.work() as work:
        [group] = await replay.groups(work, inbox.consumer)
        chosen = Selection(work.now, fingerprint=group.fingerprint)
        assert await replay.discard(work, inbox.consumer, chosen, who="operator", why="asked at the register") == 1
    await desk.run(lambda: len(desk.done) == 2)
    assert desk.done == [("dead", 1), ("dead", 2)]


async def test_a_dead_job_that_does_not_hold_its_key_lets_the_next_go_on(desk: Desk) -> None:
    async def record(job: Call, outcome: object, work: Work) -> Park | Retry | None:
        return Park("a human", holds_key=False) if job.number == 0 else await desk.record(job, outcome, work)

    async with desk.database.work() as work:
        work.enqueue(*(Call(who="one", number=number) for number in range(3)))
    await desk.run(lambda: len(desk.done) == 2, replace(desk.lane, record=record))
    assert desk.done == [("one", 1), ("one", 2)]
    [row] = await desk.sql("SELECT dead, reason FROM job")
    assert (row["dead"], row["reason"]) == (True, "a human")


async def test_a_claim_that_fails_is_put_off_alone(desk: Desk) -> None:
    async def claim(job: Call, attempt: Attempt, work: Work) -> Call:
        if job.who == "odd" and attempt.number == 1:
            raise ValueError
        return await desk.claim(job, attempt, work)

    async with desk.database.work() as work:
        work.enqueue(Call(who="odd"), Call(who="well"))
    await desk.run(lambda: len(desk.done) == 2, Lane(Call, claim, desk.call, desk.record))
    assert [who for who, _ in desk.done] == ["well", "odd"]


async def test_a_job_for_later_waits(desk: Desk) -> None:
    async with desk.database.work() as work:
        work.enqueue(Call(who="later", number=1), after_s=1.0)
        work.enqueue(Call(who="now", number=2))
    await desk.run(lambda: len(desk.done) == 2)
    assert [who for who, _ in desk.done] == ["now", "later"]


async def test_a_graceful_stop_lets_the_call_at_hand_end_and_claims_nothing_more(desk: Desk) -> None:
    calling: list[str] = []

    async def call(job: Call) -> Call:
        calling.append(job.who)
        await asyncio.sleep(0.25)
        return job

    lane = Lane(Call, desk.claim, call, desk.record, slots=1, timeout_s=5)
    async with desk.database.work() as work:
        work.enqueue(Call(who="a"), Call(who="b"))
    await desk.run(lambda: bool(calling), lane)
    assert len(desk.done) == 1
    assert len(desk.attempts) == 1
    assert [row["lease"] for row in await desk.sql("SELECT lease FROM job")] == [None]


async def test_a_call_longer_than_its_lease_is_made_once(desk: Desk) -> None:
    calls: list[str] = []

    async def call(job: Call) -> Call:
        calls.append(job.who)
        await asyncio.sleep(LEASE_S + 2)
        return job

    async with desk.database.work() as work:
        work.enqueue(Call(who="slow"))
    lane = replace(desk.lane, call=call, timeout_s=LEASE_S + 5)
    await desk.run(lambda: bool(desk.done), lane)
    assert calls == ["slow"]
    assert len(desk.attempts) == 1
