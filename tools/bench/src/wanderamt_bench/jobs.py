"""The keyed job queue: ours compared with a bare one of forty lines, and healthy keys beside a failing and a slow key."""

import asyncio
import json
from time import perf_counter
from typing import Any, ClassVar

import asyncpg
from wanderamt.backbone.jobs.handler import JobHandler, complete_each, prepare_each
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, Job, RetryLater

from wanderamt_bench.bench_environment import BenchEnvironment

JOBS = 2000
KEYS = 200
CALL_S = 0.02
SLOTS = 8
SLOW_S = 30.0


class BenchCall(Job):
    QUEUE: ClassVar[str] = "bench"
    KEY: ClassVar[str] = "target"
    DEADLINE_S: ClassVar[int] = 3600

    target: str
    number: int


async def bench_jobs(bench: BenchEnvironment) -> None:
    count = bench.scaled(JOBS)
    pairs: list[tuple[float, float]] = []
    isolation: list[tuple[float, float]] = []
    for _ in range(bench.rounds):
        bare = await _bare(bench, count)
        healthy = await _ours(bench, count, with_bad_keys=False)
        disturbed = await _ours(bench, count, with_bad_keys=True)
        pairs.append((bare, healthy))
        isolation.append((healthy, disturbed))
    load = f"{count} jobs, {KEYS} keys, 20 ms call, {SLOTS} slots"
    bench.record("job queue / forty lines of SQL", "jobs/s", pairs, load)
    bench.record(
        "healthy keys beside a dead and a 30 s key / alone",
        "jobs/s",
        isolation,
        f"{load}; 10 jobs of each bad key, the 30 s call has an extra slot",
    )


async def bench_jobs_growth(bench: BenchEnvironment, *, old_rows: int) -> float:
    """Jobs per second with `old_rows` failed and blocked jobs in the table."""
    return await _ours(bench, bench.scaled(JOBS), with_bad_keys=False, old_rows=old_rows)


async def _ours(bench: BenchEnvironment, count: int, *, with_bad_keys: bool, old_rows: int = 0) -> float:
    done = 0
    finished = asyncio.Event()

    async def prepare(job: BenchCall, _: Attempt, __: UnitOfWork) -> BenchCall:
        return job

    async def execute(job: BenchCall) -> BenchCall:
        await asyncio.sleep(SLOW_S if job.target == "slow" else CALL_S)
        return job

    async def complete(job: BenchCall, _: BenchCall, __: UnitOfWork) -> RetryLater | None:
        nonlocal done
        if job.target == "failing":
            raise ValueError
        done += 1
        if done == count:
            finished.set()
        return None

    async with bench.database() as database:
        await _fill(database, count, with_bad_keys=with_bad_keys, old_rows=old_rows)
        slots = SLOTS + 1 if with_bad_keys else SLOTS  # the slow call occupies one all the time
        handler = JobHandler(
            BenchCall,
            prepare_each(prepare),
            execute,
            complete_each(complete),
            concurrency=slots,
            timeout_s=2 * SLOW_S,
        )
        runner = JobRunner(database, [handler])
        begun = perf_counter()
        await runner.start()
        async with asyncio.timeout(300):
            await finished.wait()
        spent = perf_counter() - begun
        for task in list(runner._running.values()):
            task.cancel()  # the slow call
        await runner.stop()
    return count / spent


async def _fill(database: Database, count: int, *, with_bad_keys: bool, old_rows: int) -> None:
    async with database.unit_of_work() as uow:
        if old_rows:
            await uow.db.execute(
                f"""
                INSERT INTO job (id, queue, key, body, trace_context, run_at, deadline, status, last_error)
                SELECT gen_random_uuid(), 'bench', 'old' || n % 100, '{{}}', '{{}}', now(), now(),
                       CASE WHEN n <= 100 THEN 'failed' ELSE 'blocked' END, 'old'
                FROM generate_series(1, {old_rows}) n
                """,
                timeout=300,
            )
        if with_bad_keys:
            uow.enqueue(
                *(BenchCall(target=target, number=number) for number in range(10) for target in ("failing", "slow"))
            )
        for number in range(count):
            uow.enqueue(BenchCall(target=f"key {number % KEYS}", number=number))
    async with database.pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE job", timeout=300)


async def _bare(bench: BenchEnvironment, count: int) -> float:
    """The bare queue: oldest job of each key, SKIP LOCKED, call, delete. No lease extension, deadline, trace or drain."""
    async with bench.database() as database:
        await _fill(database, count, with_bad_keys=False, old_rows=0)
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
            UPDATE job SET lease_token = gen_random_uuid(), lease_expires_at = now() + interval '6 s', attempts = attempts + 1
            WHERE id = (
                SELECT id FROM job j WHERE lease_token IS NULL AND NOT EXISTS (
                    SELECT 1 FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq AND e.status <> 'succeeded')
                ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id, lease_token, body
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
            await connection.execute(
                "DELETE FROM job WHERE id = $1 AND lease_token = $2", row["id"], row["lease_token"]
            )
