"""The keyed job queue: forty lines by hand against ours, and healthy keys beside a dead and a slow one."""

import asyncio
import json
from time import perf_counter
from typing import Any, ClassVar

import asyncpg
from wanderamt.backbone.database import Database
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Attempt, Job, Retry

from wanderamt_bench.stage import Stage

JOBS = 2000
KEYS = 200
CALL_S = 0.02
SLOTS = 8
SLOW_S = 30.0


class Call(Job):
    QUEUE: ClassVar[str] = "bench"
    KEY: ClassVar[str] = "who"
    DEADLINE_S: ClassVar[int] = 3600

    who: str
    number: int


async def bench_jobs(stage: Stage) -> None:
    count = stage.rows(JOBS)
    pairs: list[tuple[float, float]] = []
    health: list[tuple[float, float]] = []
    for _ in range(stage.rounds):
        bare = await _bare(stage, count)
        well = await _ours(stage, count, trouble=False)
        ill = await _ours(stage, count, trouble=True)
        pairs.append((bare, well))
        health.append((well, ill))
    load = f"{count} jobs, {KEYS} keys, 20 ms call, {SLOTS} slots"
    stage.note("job queue / forty lines of SQL", "jobs/s", pairs, load)
    stage.note(
        "healthy keys beside a dead and a 30 s key / alone",
        "jobs/s",
        health,
        f"{load}; 10 jobs behind each ill key, the 30 s call takes one slot more",
    )


async def bench_jobs_growth(stage: Stage, *, old_rows: int) -> float:
    """Jobs per second with so many dead jobs and their successors in the table."""
    return await _ours(stage, stage.rows(JOBS), trouble=False, old_rows=old_rows)


async def _ours(stage: Stage, count: int, *, trouble: bool, old_rows: int = 0) -> float:
    done = 0
    finished = asyncio.Event()

    async def claim(job: Call, _: Attempt, __: Work) -> Call:
        return job

    async def call(job: Call) -> Call:
        await asyncio.sleep(SLOW_S if job.who == "slow" else CALL_S)
        return job

    async def record(job: Call, _: Call, __: Work) -> Retry | None:
        nonlocal done
        if job.who == "dead":
            raise ValueError
        done += 1
        if done == count:
            finished.set()
        return None

    async with stage.database() as database:
        await _fill(database, count, trouble=trouble, old_rows=old_rows)
        slots = SLOTS + 1 if trouble else SLOTS  # the slow call holds one all the time
        jobs = Jobs(database, [Lane(Call, claim, call, record, slots=slots, timeout_s=2 * SLOW_S)])
        begun = perf_counter()
        await jobs.start()
        async with asyncio.timeout(300):
            await finished.wait()
        spent = perf_counter() - begun
        for task in list(jobs._running.values()):
            task.cancel()  # the slow one: nobody waits for it here
        await jobs.stop()
    return count / spent


async def _fill(database: Database, count: int, *, trouble: bool, old_rows: int) -> None:
    async with database.work() as work:
        if old_rows:
            await work.db.execute(
                f"""
                INSERT INTO job (id, queue, key, body, trace, run_at, deadline, dead, behind, reason)
                SELECT gen_random_uuid(), 'bench', 'old' || n % 100, '{{}}', '{{}}', now(), now(), n <= 100, n > 100, 'old'
                FROM generate_series(1, {old_rows}) n
                """,
                timeout=300,
            )
        if trouble:
            work.enqueue(*(Call(who=who, number=number) for number in range(10) for who in ("dead", "slow")))
        for number in range(count):
            work.enqueue(Call(who=f"key {number % KEYS}", number=number))
    async with database.pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE job", timeout=300)


async def _bare(stage: Stage, count: int) -> float:
    """By hand, as measured before: heads of keys, SKIP LOCKED, call, delete. No lease renewal, deadline, trace, drain."""
    async with stage.database() as database:
        await _fill(database, count, trouble=False, old_rows=0)
        pool = await asyncpg.create_pool(database.url, min_size=SLOTS, max_size=SLOTS)
        begun = perf_counter()
        await asyncio.gather(*(_bare_worker(pool) for _ in range(SLOTS)))
        spent = perf_counter() - begun
        await pool.close()
    return count / spent


async def _bare_worker(pool: Any) -> None:
    while True:
        row = await pool.fetchrow(
            """
            UPDATE job SET lease = gen_random_uuid(), leased_until = now() + interval '6 s', attempts = attempts + 1
            WHERE id = (
                SELECT id FROM job j WHERE lease IS NULL AND NOT EXISTS (
                    SELECT 1 FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq)
                ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, lease, body
            """
        )
        if not row:
            if not await pool.fetchval("SELECT EXISTS (SELECT 1 FROM job)"):
                return
            await asyncio.sleep(0.005)
            continue
        json.loads(row["body"])
        await asyncio.sleep(CALL_S)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM job WHERE id = $1 AND lease = $2", row["id"], row["lease"])
