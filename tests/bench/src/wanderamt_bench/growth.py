"""The same work in a young database and in an old one: nothing may depend on how many rows lie there."""

from wanderamt_bench.consume import bench_inbox
from wanderamt_bench.door import bench_sync
from wanderamt_bench.jobs import bench_jobs_growth
from wanderamt_bench.stage import Stage

YOUNG = 10_000
OLD = 1_000_000


async def bench_growth(stage: Stage) -> None:
    """Each number's `bare` is the young database, `ours` the old one."""
    old = stage.rows(OLD)
    jobs = [
        (await bench_jobs_growth(stage, old_rows=YOUNG), await bench_jobs_growth(stage, old_rows=old))
        for _ in range(stage.rounds)
    ]
    stage.note(
        "job queue, old / young table", "jobs/s", jobs, f"{YOUNG} and {old} rows of dead jobs and their successors"
    )
    inbox = (
        await bench_inbox(stage, old_rows=YOUNG, name="inbox in a young database / raw"),
        await bench_inbox(stage, old_rows=old, name="inbox in an old database / raw"),
    )
    stage.note("inbox, old / young table", "events/s", [inbox], f"{YOUNG} and {old} old rows, medians")
    sync = (
        await bench_sync(stage, old_rows=YOUNG, sizes=(50,)),
        await bench_sync(stage, old_rows=old, sizes=(50,)),
    )
    stage.note("sync of 50, old / young table", "entries/s", [sync], f"{YOUNG} and {old} old cases, medians")
