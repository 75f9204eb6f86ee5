"""The same work in a young database and in an old one, in turns: nothing may depend on how many rows lie there.

In each pair `bare` is the young database and `ours` the old one, so a ratio near 1 is what is wanted. Where times are
measured and not rates, both stand side by side and every other event is for the other one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wanderamt.backbone.database import Database

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
TAPS = {"idle": (200, 2.0), "under half load": (800, 8.0)}  # how many of each, how many a second together
Place = TypeVar("Place")


async def bench_growth(stage: Stage) -> None:
    both = Both(stage, stage.rows(OLD))
    await _backbone(both)
    await _intake(both)
    await _system(both)


@dataclass(frozen=True)
class Both:
    """Measures in both places, in turns, and notes the pair."""

    stage: Stage
    old_rows: int

    async def rates(
        self, name: str, unit: str, young: Place, old: Place, once: Callable[[Place], Awaitable[float]]
    ) -> None:
        """`once`: so many per second. The first of each warms up and does not count."""
        await once(young)
        await once(old)
        self.note(name, unit, [(await once(young), await once(old)) for _ in range(self.stage.rounds)])

    def times(self, name: str, young: list[float], old: list[float], load: str) -> None:
        for share, part in ((0.5, "p50"), (0.99, "p99")):
            self.note(f"{name} {part}", "ms", [(quantile(young, share), quantile(old, share))], f"{load}, ")

    def note(self, name: str, unit: str, pairs: list[tuple[float, float]], load: str = "") -> None:
        rows = f"{load}{YOUNG} and {self.old_rows} old rows in each table"
        self.stage.note(f"{name}, old / young database", unit, pairs, rows)


async def _backbone(both: Both) -> None:
    stage = both.stage
    messages, events, slow, times = map(stage.rows, (60_000, 50_000, 20_000, 9000))
    async with stage.database(old_rows=YOUNG) as young, stage.database(old_rows=both.old_rows) as old:
        topics, quickly, slowly = await stage.topics(), await stage.topics(), await stage.topics()
        await fill_topic(stage, young, quickly, events)
        await fill_topic(stage, young, slowly, slow)

        async def relay(place: Database) -> float:
            return await relay_all(stage, place, topics, messages)

        async def inbox(place: Database) -> float:
            return await bulk_through_inbox(stage, place, quickly, events)

        async def lanes(place: Database) -> float:
            return await through_lanes(stage, place, slowly, slow)

        await both.rates("relay", "messages/s", young, old, relay)
        await both.rates("inbox", "events/s", young, old, inbox)
        await both.rates("keyed lanes", "events/s", young, old, lanes)
        this, that = await insert_to_consumer(stage, [young, old], times)
        both.times("insert to consumer", this, that, f"{times} events each at {RATE}/s together")
        await _emit_mapped(both, young, old)

    async def jobs(old_rows: int) -> float:
        return await bench_jobs_growth(stage, old_rows=old_rows)

    await both.rates("job queue", "jobs/s", YOUNG, both.old_rows, jobs)


async def _emit_mapped(both: Both, young: Database, old: Database) -> None:
    count = both.stage.rows(4000)
    pairs = []
    async with mapping(young) as this, mapping(old) as that:
        for _ in range(both.stage.rounds):
            for place in (young, old):
                await emptied(place, "filed, outbox")
            pairs.append(await in_turns(count, lambda: add_case(this, told=True), lambda: add_case(that, told=True)))
    both.note("emit through SQLModel", "commits/s", pairs)


async def _intake(both: Both) -> None:
    stage, old_rows = both.stage, both.old_rows
    commits, entries = stage.rows(16_000), stage.rows(10_000)
    pairs = []
    async with stage.database("intake", old_rows=YOUNG) as young, stage.database("intake", old_rows=old_rows) as old:
        for _ in range(stage.rounds):
            for place in (young, old):
                await emptied(place, "outbox")
            pairs.append(
                await in_turns(commits, lambda: file_case(young, told=True), lambda: file_case(old, told=True))
            )
    both.note("emit in SQL", "commits/s", pairs)
    async with intake_alone(stage, old_rows=YOUNG) as (_, this), intake_alone(stage, old_rows=old_rows) as (_, that):
        await both.rates("sync of 50", "entries/s", this, that, lambda door: entries_per_s(door, entries, 50))


async def _system(both: Both) -> None:
    async with (
        whole_system(both.stage, old_rows=YOUNG) as young,
        whole_system(both.stage, old_rows=both.old_rows) as old,
    ):
        await taps([young, old], 100, 8.0)
        for name, (full, per_s) in TAPS.items():
            count = both.stage.rows(full)
            this, that = await taps([young, old], count, per_s)
            both.times(f"tap to SMS {name}", this, that, f"{count} taps each at {per_s:.0f}/s together")
