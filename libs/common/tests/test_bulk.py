"""Jobs claimed and recorded many at a time: few transactions, and each job still ends alone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest_asyncio
from wanderamt.backbone.bulk import Asked, Bulk, Ended
from wanderamt.backbone.database import Database
from wanderamt.backbone.jobs import Jobs
from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Job, Park, Retry, Unknown


class Call(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "number"
    DEADLINE_S: ClassVar[int] = 60

    number: int


class Desk:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.claims: list[list[int]] = []
        self.records: list[list[int]] = []
        self.interrupted: list[int] = []
        self.answers: dict[int, list[Any]] = {}
        self.poison: set[int] = set()
        self.lane = Bulk(Call, self.claim, self.call, self.record, slots=100, timeout_s=0.5)

    async def claim(self, asked: Sequence[Asked], work: Work) -> list[object]:
        self.claims.append([one.job.number for one in asked])
        self.interrupted += [one.job.number for one in asked if one.attempt.interrupted]
        if -1 in self.claims[-1]:
            raise ValueError
        return [one.job for one in asked]

    async def call(self, job: Call) -> object:
        answers = self.answers.get(job.number, [])
        answer = answers.pop(0) if answers else job
        if answer == "hang":
            await asyncio.sleep(60)
        return answer

    async def record(self, ended: Sequence[Ended], work: Work) -> list[Retry | Unknown | Park | None]:
        if self.poison & {one.job.number for one in ended}:
            raise ValueError
        self.records.append([one.job.number for one in ended])
        return [one.outcome if isinstance(one.outcome, Retry | Unknown | Park) else None for one in ended]

    async def put(self, *numbers: int) -> None:
        async with self.database.work() as work:
            work.enqueue(*(Call(number=number) for number in numbers))

    async def run(self, holds: Callable[[], bool], lane: Bulk | None = None) -> Jobs:
        jobs = Jobs(self.database, [lane or self.lane])
        await jobs.start()
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.02)
        await jobs.stop()
        return jobs

    def recorded(self) -> list[int]:
        return sorted(number for batch in self.records for number in batch)

    async def left(self) -> list[tuple[int, bool]]:
        async with self.database.work() as work:
            rows = await work.db.fetch("SELECT body, dead FROM job ORDER BY seq")
        return [(row["body"]["number"], row["dead"]) for row in rows]


@pytest_asyncio.fixture
async def desk(open_database: Any) -> Desk:
    return Desk(await open_database("scheduling"))


async def test_five_hundred_jobs_take_a_few_transactions(desk: Desk) -> None:
    await desk.put(*range(500))
    jobs = await desk.run(lambda: len(desk.recorded()) == 500)
    assert desk.recorded() == list(range(500))
    assert jobs.done == 500
    assert len(desk.claims) < 60
    assert len(desk.records) < 60
    assert await desk.left() == []


async def test_what_did_not_happen_comes_again_and_what_may_have_comes_as_interrupted(desk: Desk) -> None:
    desk.answers = {1: [Retry(0.0, "later")], 2: [Unknown(0.0, "no answer")], 3: ["hang"]}
    await desk.put(1, 2, 3, 4)
    await desk.run(lambda: desk.recorded() == [1, 1, 2, 2, 3, 3, 4])
    assert sorted(desk.interrupted) == [2, 3]
    assert await desk.left() == []


async def test_one_that_cannot_be_recorded_is_parked_alone(desk: Desk) -> None:
    desk.poison = {7}
    await desk.put(*range(10))
    await desk.run(lambda: len(desk.recorded()) == 9)
    assert await desk.left() == [(7, True)]


async def test_one_that_cannot_be_claimed_is_put_off_alone(desk: Desk) -> None:
    await desk.put(*range(5), -1)
    await desk.run(lambda: len(desk.recorded()) == 5)
    assert await desk.left() == [(-1, False)]


async def test_an_outcome_whose_lease_is_anothers_leaves_no_trace(desk: Desk) -> None:
    await desk.put(1, 2)

    async def call(job: Call) -> Call:
        if job.number == 1:
            async with desk.database.work() as work:
                await work.db.execute("UPDATE job SET lease = gen_random_uuid() WHERE body->>'number' = '1'")
        return job

    jobs = await desk.run(lambda: desk.recorded() == [2], replace(desk.lane, call=call))
    assert jobs.done == 1
    assert await desk.left() == [(1, False)]


async def test_what_needs_no_call_makes_room_at_once_for_what_does(desk: Desk) -> None:
    await desk.put(*range(100))

    async def gate(free: int, work: Work) -> int:
        return 1

    async def claim(asked: Sequence[Asked], work: Work) -> list[object]:
        return [one.job if one.job.number == 99 else None for one in asked]

    begun = asyncio.get_running_loop().time()
    await desk.run(lambda: desk.recorded() == [99], replace(desk.lane, gate=gate, claim=claim))
    assert asyncio.get_running_loop().time() - begun < 20  # a hundred looks, not a hundred waits


async def test_a_graceful_stop_records_what_is_under_way(desk: Desk) -> None:
    await desk.put(*range(20))
    begun = []

    async def call(job: Call) -> Call:
        begun.append(job.number)
        await asyncio.sleep(0.3)
        return job

    await desk.run(lambda: len(begun) == 20, replace(desk.lane, call=call, timeout_s=10))
    assert desk.recorded() == list(range(20))
