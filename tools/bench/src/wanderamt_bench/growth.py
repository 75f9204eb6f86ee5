"""The same load on a young and on an old database, in turns: the number of stored rows must not matter.

In each pair `bare` is the young database and `ours` the old one: the ratio should be near 1. For times both databases
run side by side, and the events alternate between them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wanderamt.backbone.persistence.database import Database

from wanderamt_bench.bench_environment import BenchEnvironment, quantile
from wanderamt_bench.emit import alternate, insert_case, insert_mapped_case, open_engine, truncate
from wanderamt_bench.inbox import consume_in_bulk, fill_topic
from wanderamt_bench.jobs import bench_jobs_growth
from wanderamt_bench.latency import RATE, insert_to_consumer
from wanderamt_bench.relay import relay_all
from wanderamt_bench.sync import entries_per_s
from wanderamt_bench.sync_endpoint import intake_alone, whole_system
from wanderamt_bench.tap import measure_taps

YOUNG_ROWS = 10_000
OLD_ROWS = 1_000_000
TAPS = {"idle": (200, 2.0), "under half load": (800, 8.0)}  # taps per system, taps per second of both together
Target = TypeVar("Target")


async def bench_growth(bench: BenchEnvironment) -> None:
    both = DatabaseComparison(bench, bench.scaled(OLD_ROWS))
    await _backbone(both)
    await _intake(both)
    await _system(both)


@dataclass(frozen=True)
class DatabaseComparison:
    """Measures young and old in turns and records the pairs. `bench`: where to record. `old_rows`: rows per old table."""

    bench: BenchEnvironment
    old_rows: int

    async def rates(
        self, name: str, unit: str, young: Target, old: Target, measure: Callable[[Target], Awaitable[float]]
    ) -> None:
        """`measure` returns a rate. Its first call for each target warms up and does not count."""
        await measure(young)
        await measure(old)
        self.record(name, unit, [(await measure(young), await measure(old)) for _ in range(self.bench.rounds)])

    def times(self, name: str, young: list[float], old: list[float], load: str) -> None:
        for share, part in ((0.5, "p50"), (0.99, "p99")):
            self.record(f"{name} {part}", "ms", [(quantile(young, share), quantile(old, share))], f"{load}, ")

    def record(self, name: str, unit: str, pairs: list[tuple[float, float]], load: str = "") -> None:
        rows = f"{load}{YOUNG_ROWS} and {self.old_rows} old rows in each table"
        self.bench.record(f"{name}, old / young database", unit, pairs, rows)


async def _backbone(both: DatabaseComparison) -> None:
    bench = both.bench
    messages, events, times = map(bench.scaled, (60_000, 50_000, 9000))
    async with bench.database(old_rows=YOUNG_ROWS) as young, bench.database(old_rows=both.old_rows) as old:
        topics, filled_topics = await bench.topics(), await bench.topics()
        await fill_topic(bench, young, filled_topics, events)

        async def relay(database: Database) -> float:
            return await relay_all(bench, database, topics, messages)

        async def inbox(database: Database) -> float:
            return await consume_in_bulk(bench, database, filled_topics, events)

        await both.rates("relay", "messages/s", young, old, relay)
        await both.rates("inbox", "events/s", young, old, inbox)
        young_ms, old_ms = await insert_to_consumer(bench, [young, old], times)
        both.times("insert to consumer", young_ms, old_ms, f"{times} events each at {RATE}/s together")
        await _emit_mapped(both, young, old)

    async def jobs(old_rows: int) -> float:
        return await bench_jobs_growth(bench, old_rows=old_rows)

    await both.rates("job queue", "jobs/s", YOUNG_ROWS, both.old_rows, jobs)


async def _emit_mapped(both: DatabaseComparison, young: Database, old: Database) -> None:
    count = both.bench.scaled(4000)
    pairs = []
    async with open_engine(young) as young_engine, open_engine(old) as old_engine:
        for _ in range(both.bench.rounds):
            for database in (young, old):
                await truncate(database, "mapped_case, outbox")
            pairs.append(
                await alternate(
                    count,
                    lambda: insert_mapped_case(young_engine, emits=True),
                    lambda: insert_mapped_case(old_engine, emits=True),
                )
            )
    both.record("emit through SQLModel", "commits/s", pairs)


async def _intake(both: DatabaseComparison) -> None:
    bench, old_rows = both.bench, both.old_rows
    commits, entries = bench.scaled(16_000), bench.scaled(10_000)
    pairs = []
    async with (
        bench.database("intake", old_rows=YOUNG_ROWS) as young,
        bench.database("intake", old_rows=old_rows) as old,
    ):
        for _ in range(bench.rounds):
            for database in (young, old):
                await truncate(database, "outbox")
            pairs.append(
                await alternate(commits, lambda: insert_case(young, emits=True), lambda: insert_case(old, emits=True))
            )
    both.record("emit in SQL", "commits/s", pairs)
    async with (
        intake_alone(bench, old_rows=YOUNG_ROWS) as (_, young_endpoint),
        intake_alone(bench, old_rows=old_rows) as (_, old_endpoint),
    ):
        await both.rates(
            "sync of 50",
            "entries/s",
            young_endpoint,
            old_endpoint,
            lambda endpoint: entries_per_s(endpoint, entries, 50),
        )


async def _system(both: DatabaseComparison) -> None:
    async with (
        whole_system(both.bench, old_rows=YOUNG_ROWS) as young,
        whole_system(both.bench, old_rows=both.old_rows) as old,
    ):
        await measure_taps([young, old], both.bench.scaled(100, quick=4), 8.0)
        for name, (full, per_s) in TAPS.items():
            count = both.bench.scaled(full)
            young_ms, old_ms = await measure_taps([young, old], count, per_s)
            both.times(f"tap to SMS {name}", young_ms, old_ms, f"{count} taps each at {per_s:.0f}/s together")
