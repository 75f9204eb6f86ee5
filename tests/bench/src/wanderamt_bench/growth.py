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
    await bench_inbox(stage, old_rows=YOUNG, name="inbox in a young database / raw")
    await bench_inbox(stage, old_rows=old, name="inbox in an old database / raw")
    _compare(stage, "inbox, old / young table", "inbox in an old database / raw", "inbox in a young database / raw")
    await bench_sync(stage, old_rows=old, sizes=(50,))
    if any(one.name == "sync of 50 / bare multi-row insert" for one in stage.numbers):
        _compare(
            stage,
            "sync of 50, old / young table",
            "sync of 50 with old rows / bare multi-row insert",
            "sync of 50 / bare multi-row insert",
        )


def _compare(stage: Stage, name: str, old: str, young: str) -> None:
    found = {one.name: one for one in stage.numbers}
    pairs = [(found[young].ours, found[old].ours)]
    stage.note(name, found[old].unit, pairs, f"medians of '{young}' and '{old}'")
