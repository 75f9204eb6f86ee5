"""What a bench stands on: one broker, one PostgreSQL, a fresh database and topic prefix per scene, and its numbers."""

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
from wanderamt.backbone.database import Database, migrate
from wanderamt.backbone.topics import Topics
from wanderamt.contracts import StandCancelled
from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import Children
from wanderamt_local.state import State

from wanderamt_bench.aged import age

ROUNDS = 3
PAYLOAD = "x" * 900  # with its head some 1 KB, as the published figures of others


@dataclass(frozen=True)
class Number:
    """One line of build/bench.json. `ratio` is ours / bare, the median over pairs of one round; `load` what was done.

    `bare` is None where a bare version does not do the thing at all. For a rate more is better, for a latency (unit ms) and for a time (s) less is.
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
class Stage:
    folder: Path
    children: Children
    kafka: Kafka
    postgres: Postgres
    say: Callable[[str], None]
    quick: bool
    numbers: list[Number] = field(default_factory=list)

    def rows(self, full: int) -> int:
        """How much to do: a tenth when quick."""
        return full // 10 if self.quick else full

    @property
    def rounds(self) -> int:
        return 1 if self.quick else ROUNDS

    def note(self, name: str, unit: str, pairs: list[tuple[float, float]], load: str) -> float:
        """`pairs`: (bare, ours) of each round. Gives the median of ours."""
        ratio = round(statistics.median(ours / bare for bare, ours in pairs if bare), 3)
        number = Number(
            name=name,
            unit=unit,
            bare=round(statistics.median(bare for bare, _ in pairs), 3),
            ours=round(statistics.median(ours for _, ours in pairs), 3),
            ratio=ratio,
            load=f"{load}; {len(pairs)} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}",
        )
        self.numbers.append(number)
        self.say(f"{name}: bare {number.bare}, ours {number.ours} {unit}, ratio {number.ratio}")
        return number.ours

    def note_alone(self, name: str, value: float, unit: str, load: str) -> None:
        """Where there is no bare version."""
        self.numbers.append(Number(name, unit, None, round(value, 3), None, load))
        self.say(f"{name}: {value:.2f} {unit}")

    @asynccontextmanager
    async def database(
        self, package: str = "scheduling", *, connections: int = 20, old_rows: int = 0
    ) -> AsyncIterator[Database]:
        name = f"bench_{uuid7().hex[-12:]}"
        url = await self.postgres.create_database(name)
        await asyncio.to_thread(migrate, url, package)
        if old_rows:
            await age(url, package, old_rows)
        database = Database(url, owner=package.replace("_", "-"), max_connections=connections)
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
async def stage(folder: Path, say: Callable[[str], None], *, quick: bool) -> AsyncIterator[Stage]:
    state, children = State(folder), Children()
    try:
        kafka, postgres = await asyncio.gather(start_kafka(state, children), start_postgres(state, children))
        yield Stage(folder, children, kafka, postgres, say, quick)
    finally:
        await children.stop()


async def rate(count: int, body: Callable[[], Awaitable[object]]) -> float:
    """Per second."""
    begun = perf_counter()
    await body()
    return count / (perf_counter() - begun)


def event(stand_id: UUID) -> StandCancelled:
    when = "2026-05-04T09:30:00+02:00"
    return StandCancelled.model_validate({"stand_id": stand_id, "reason": PAYLOAD, "cancelled_at": when})


async def fill_outbox(database: Database, count: int, *, aggregates: int = 1000) -> None:
    """`count` events of 1 KB, by the product's own emit."""
    ids = [uuid7() for _ in range(min(aggregates, count))]
    told = 0
    while told < count:
        async with database.work() as work:
            for _ in range(min(1000, count - told)):
                work.emit(event(ids[told % len(ids)]), version=told // len(ids) + 1)
                told += 1


async def until(holds: Callable[[], Awaitable[bool]], *, timeout_s: float = 300, every_s: float = 0.02) -> None:
    async with asyncio.timeout(timeout_s):
        while not await holds():
            await asyncio.sleep(every_s)


async def empty(database: Database, table: str) -> bool:
    async with database.work() as work:
        return not await work.db.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})")


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
