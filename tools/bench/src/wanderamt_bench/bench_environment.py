"""The environment of a benchmark: one broker, one PostgreSQL, fresh databases and topics per scene, and the figures."""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt.contracts import StandCancelled
from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import ProcessSupervisor
from wanderamt_local.state import StateFolder

from wanderamt_bench.old_rows import insert_old_rows

ROUNDS = 3
QUICK_SHARE = 50
PAYLOAD = "x" * 900  # with its header some 1 KB, as in published benchmarks of others
AUTHORITY = "at-bench"  # so that records carry its header, as those of services


@dataclass(frozen=True)
class Figure:
    """One entry of build/bench.json. `ratio`: ours / bare, the median over the rounds. `load`: description of the load.

    `bare` is None where the bare version has no counterpart. For rates more is better, for times (units ms, s) less.
    """

    name: str
    unit: str
    bare: float | None
    ours: float
    ratio: float | None
    load: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class BenchEnvironment:
    """`quick`: small loads and one round; shows that everything works, without useful figures."""

    folder: Path
    supervisor: ProcessSupervisor
    kafka: Kafka
    postgres: Postgres
    report: Callable[[str], None]
    quick: bool
    figures: list[Figure] = field(default_factory=list)

    def scaled(self, full: int, *, quick: int = 0) -> int:
        """The size of a load; in a quick run `quick`, or else a fiftieth."""
        return (quick or full // QUICK_SHARE) if self.quick else full

    @property
    def rounds(self) -> int:
        return 1 if self.quick else ROUNDS

    def record(self, name: str, unit: str, pairs: list[tuple[float, float]], load: str) -> float:
        """Records a comparison. `pairs`: (bare, ours) of each round. Returns the median of ours."""
        ratio = round(statistics.median(ours / bare for bare, ours in pairs if bare), 3)
        figure = Figure(
            name=name,
            unit=unit,
            bare=round(statistics.median(bare for bare, _ in pairs), 3),
            ours=round(statistics.median(ours for _, ours in pairs), 3),
            ratio=ratio,
            load=f"{load}; {len(pairs)} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}",
        )
        self.figures.append(figure)
        self.report(f"{name}: bare {figure.bare}, ours {figure.ours} {unit}, ratio {figure.ratio}")
        return figure.ours

    def record_value(self, name: str, value: float, unit: str, load: str) -> None:
        """Records a figure without a bare counterpart."""
        self.figures.append(Figure(name, unit, None, round(value, 3), None, load))
        self.report(f"{name}: {value:.2f} {unit}")

    @asynccontextmanager
    async def database(
        self, package: str = "scheduling", *, connections: int = 20, old_rows: int = 0
    ) -> AsyncIterator[Database]:
        name = f"bench_{uuid7().hex[-12:]}"
        url = await self.postgres.create_database(name)
        await asyncio.to_thread(migrate, url, package)
        if old_rows:
            await insert_old_rows(url, package, old_rows)
        database = Database(url, service_name=package.replace("_", "-"), max_connections=connections)
        await database.start()
        try:
            yield database
        finally:
            await database.stop()
            await self.postgres.drop_database(name)

    async def topics(self) -> Topics:
        topics = Topics(prefix=f"b{uuid7().hex[-12:]}.")
        await topics.create(self.kafka.bootstrap_servers)
        return topics


@asynccontextmanager
async def open_bench_environment(
    folder: Path, report: Callable[[str], None], *, quick: bool
) -> AsyncIterator[BenchEnvironment]:
    state, supervisor = StateFolder(folder), ProcessSupervisor()
    try:
        kafka, postgres = await asyncio.gather(start_kafka(state, supervisor), start_postgres(state, supervisor))
        yield BenchEnvironment(folder, supervisor, kafka, postgres, report, quick)
    finally:
        await supervisor.stop()


async def rate(count: int, body: Callable[[], Awaitable[object]]) -> float:
    """How many per second: runs `body`, which processes `count`."""
    begun = perf_counter()
    await body()
    return count / (perf_counter() - begun)


def new_event(stand_id: UUID) -> StandCancelled:
    fields = {"stand_id": stand_id, "reason": PAYLOAD, "cancelled_at": "2026-05-04T09:30:00+02:00"}
    return StandCancelled.model_validate(fields)


async def fill_outbox(database: Database, count: int, *, aggregates: int = 1000) -> None:
    """Writes `count` events of 1 KB through the unit of work."""
    ids = [uuid7() for _ in range(min(aggregates, count))]
    written = 0
    while written < count:
        async with database.unit_of_work() as uow:
            for _ in range(min(1000, count - written)):
                uow.emit(new_event(ids[written % len(ids)]), version=written // len(ids) + 1)
                written += 1


async def wait_until(
    condition: Callable[[], Awaitable[bool]], *, timeout_s: float = 300, interval_s: float = 0.02
) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(interval_s)


async def is_empty(database: Database, table: str) -> bool:
    async with database.unit_of_work() as uow:
        return not await uow.db.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})")


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
