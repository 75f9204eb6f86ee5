"""The same work in a young database and in an old one, in turns: nothing may depend on how many rows lie there.

In each pair `bare` is the young database and `ours` the old one, so a ratio near 1 is what is wanted. Times of rare
things (p99) are taken over all rounds together: that of one round rests on two or three events.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from wanderamt_bench.consume import bulk_through_inbox, fill_topic, through_lanes
from wanderamt_bench.door import intake_alone, whole_system
from wanderamt_bench.emit import add_case, emptied, file_case, in_turns, mapping
from wanderamt_bench.jobs import bench_jobs_growth
from wanderamt_bench.latency import RATE, insert_to_consumer
from wanderamt_bench.relay import relay_all
from wanderamt_bench.stage import Stage, quantile
from wanderamt_bench.sync import entries_per_s
from wanderamt_bench.tap import taps

YOUNG = 10_000
OLD = 1_000_000
TAPS = {"idle": (120, 2.0), "under half load": (400, 8.0)}
Place = TypeVar("Place")


async def bench_growth(stage: Stage) -> None:
    old_rows = stage.rows(OLD)
    load = f"{YOUNG} and {old_rows} old rows in each table"
    await _backbone(stage, old_rows, load)
    await _intake(stage, old_rows, load)
    await _taps(stage, old_rows, load)


async def _backbone(stage: Stage, old_rows: int, load: str) -> None:
    messages, events, slow, commits, times = map(stage.rows, (60_000, 50_000, 20_000, 4000, 3000))
    async with stage.database(old_rows=YOUNG) as young, stage.database(old_rows=old_rows) as old:
        topics, other = await stage.topics(), await stage.topics()
        await fill_topic(stage, young, topics, events)
        await _rates(stage, "relay", "messages/s", load, young, old, lambda one: relay_all(stage, one, other, messages))
        await _rates(
            *(stage, "inbox", "events/s", load, young, old),
            lambda one: bulk_through_inbox(stage, one, topics, events),
        )
        slowly = await stage.topics()
        await fill_topic(stage, young, slowly, slow)
        await _rates(
            *(stage, "keyed lanes", "events/s", load, young, old), lambda one: through_lanes(stage, one, slowly, slow)
        )
        await _times(
            *(stage, "insert to consumer", f"{times} events at {RATE}/s, {load}", young, old),
            lambda one: insert_to_consumer(stage, one, times),
        )
        async with mapping(young) as this, mapping(old) as that:
            pairs = []
            for _ in range(stage.rounds):
                for one in (young, old):
                    await emptied(one, "filed, outbox")
                pairs.append(
                    await in_turns(commits, lambda: add_case(this, told=True), lambda: add_case(that, told=True))
                )
        stage.note("emit through SQLModel, old / young database", "commits/s", pairs, load)
    await _rates(
        *(stage, "job queue", "jobs/s", f"{YOUNG} and {old_rows} rows of dead jobs and their successors"),
        *(YOUNG, old_rows),
        lambda rows: bench_jobs_growth(stage, old_rows=rows),
    )


async def _intake(stage: Stage, old_rows: int, load: str) -> None:
    commits, entries = stage.rows(16_000), stage.rows(10_000)
    async with stage.database("intake", old_rows=YOUNG) as young, stage.database("intake", old_rows=old_rows) as old:
        pairs = []
        for _ in range(stage.rounds):
            for one in (young, old):
                await emptied(one, "outbox")
            pairs.append(
                await in_turns(commits, lambda: file_case(young, told=True), lambda: file_case(old, told=True))
            )
    stage.note("emit in SQL, old / young database", "commits/s", pairs, load)
    async with intake_alone(stage, old_rows=YOUNG) as (_, this), intake_alone(stage, old_rows=old_rows) as (_, that):
        await _rates(
            *(stage, "sync of 50", "entries/s", load, this, that), lambda door: entries_per_s(door, entries, 50)
        )


async def _taps(stage: Stage, old_rows: int, load: str) -> None:
    async with whole_system(stage, old_rows=YOUNG) as young, whole_system(stage, old_rows=old_rows) as old:
        for system in (young, old):
            await taps(*system, 40, 4.0)
        for name, (full, per_s) in TAPS.items():
            count = stage.rows(full)
            await _times(
                *(stage, f"tap to SMS {name}", f"{count} taps at {per_s:.0f}/s, {load}", young, old),
                lambda one: taps(*one, count, per_s),  # noqa: B023 -- called at once
            )


async def _rates(
    stage: Stage, name: str, unit: str, load: str, young: Place, old: Place, once: Callable[[Place], Awaitable[float]]
) -> None:
    """The first of each warms up and does not count."""
    await once(young)
    await once(old)
    pairs = [(await once(young), await once(old)) for _ in range(stage.rounds)]
    stage.note(f"{name}, old / young database", unit, pairs, load)


async def _times(
    stage: Stage, name: str, load: str, young: Place, old: Place, once: Callable[[Place], Awaitable[list[float]]]
) -> None:
    these: list[float] = []
    those: list[float] = []
    for _ in range(stage.rounds):
        these += await once(young)
        those += await once(old)
    for share, part in ((0.5, "p50"), (0.99, "p99")):
        pair = quantile(these, share), quantile(those, share)
        stage.note(f"{name} {part}, old / young database", "ms", [pair], f"{stage.rounds} x {load}, taken together")
