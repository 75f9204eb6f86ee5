"""A candidate with its simulator and its ledger in a loop whose clock jumps: what a check drives."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from connector_kit.conformance.candidate import Candidate, CheckFailed
from connector_kit.driver import Asked, Crash, Driver, Fate, Ledger, Point
from connector_kit.file_driver import FileDriver, FileLedger
from connector_kit.manifest import Effect, Kind

MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
OPEN = (Fate.WAITING, Fate.CLAIMED)
DAY_S = 86_400.0


def clock() -> datetime:
    return MONDAY_NOON + timedelta(seconds=asyncio.get_running_loop().time())


def id_of(number: int) -> UUID:
    return UUID(int=(0x0190_0000_0000_7000_8000 << 48) + number)


class Rig:
    """Of a register that is asked by calls."""

    def __init__(self, candidate: Candidate, **knobs: Any) -> None:
        self.candidate, self.ledger = candidate, Ledger()
        self.simulator = candidate.simulator(**{"latency_s": 0.05, "jitter_s": 0.0, **knobs})
        self.driver = self.new_driver()
        self.count = 0

    def new_driver(self, at: Callable[[Point, Asked], None] = lambda _point, _asked: None) -> Driver:
        """A process that finds the ledger as the one before left it."""
        bridge = self.candidate.make(self.candidate, self.candidate.wire(self.simulator))
        self.driver = Driver(bridge, self.ledger, clock, at=at)
        return self.driver

    def turn(self, **knobs: Any) -> None:
        self.simulator.knobs = self.simulator.knobs.model_copy(update=knobs)

    def ask(self, operation: str, *, key: str = "") -> Asked:
        self.count += 1
        question = self.candidate.example(operation).asked(self.count)
        id_ = id_of(self.count)
        self.driver.take(id_, key or f"case {self.count}", operation, question)
        return self.ledger.asked[id_]

    def open(self) -> list[Asked]:
        return [one for one in self.ledger.asked.values() if one.fate in OPEN]

    async def run(self, seconds: float) -> None:
        """As a service does: whenever something may be due, until nothing is open or the time is over."""
        loop = asyncio.get_running_loop()
        end, pause_s = loop.time() + seconds, 0.1
        while loop.time() < end and self.open():
            pause_s = 0.1 if await self.driver.run_due() else min(pause_s * 1.5, max(1.0, seconds / 500))
            await asyncio.sleep(min(pause_s, max(0.001, end - loop.time())))
        await self.driver.run_due()

    def expect(self, fates: set[Fate], *, what: str) -> None:
        wrong = Counter(
            f"{one.operation} {one.fate} {one.code}" for one in self.ledger.asked.values() if one.fate not in fates
        )
        if wrong:
            raise CheckFailed(f"{what}: {', '.join(f'{count} x {text.strip()}' for text, count in wrong.items())}")

    def expect_single_effects(self, what: str) -> None:
        doubled = self.simulator.seen.doubled()
        if doubled:
            raise CheckFailed(f"{what}: {len(doubled)} orders had their effect more than once at the register")


class FileRig:
    """Of a register that is told by files. Nights come when `run` passes them."""

    def __init__(self, candidate: Candidate, root: Path, **knobs: Any) -> None:
        self.candidate, self.ledger = candidate, FileLedger()
        self.simulator = candidate.file_simulator(root, **knobs)
        self.driver = self.new_driver()
        self.count = 0
        self.nights = 0

    def new_driver(self, at: Callable[[Point], None] = lambda _: None) -> FileDriver:
        self.driver = FileDriver(self.candidate.file_bridge(self.simulator), self.ledger, clock, at=at)
        return self.driver

    def turn(self, **knobs: Any) -> None:
        self.simulator.knobs = self.simulator.knobs.model_copy(update=knobs)

    def ask(self, operation: str) -> UUID:
        self.count += 1
        self.driver.take(id_of(self.count), operation, self.candidate.example(operation).asked(self.count))
        return id_of(self.count)

    async def run(self, days: float) -> None:
        """Steps as they come due, a night at 3 in the morning of the register."""
        zone, loop = self.candidate.manifest.zone, asyncio.get_running_loop()
        end = loop.time() + days * DAY_S
        night = _next_night(clock().astimezone(zone))
        while loop.time() < end:
            while await self.driver.step():
                pass
            await asyncio.sleep(300)
            if clock().astimezone(zone) >= night:
                self.simulator.night(night)
                self.nights += 1
                night = _next_night(night)

    def expect(self, fates: set[Fate], *, what: str) -> None:
        wrong = Counter(str(one.fate) for one in self.ledger.filed.values() if one.fate not in fates)
        if wrong:
            raise CheckFailed(f"{what}: {', '.join(f'{count} x {text}' for text, count in wrong.items())}")
        twice = [id_ for id_, count in Counter(self.ledger.answers).items() if count > 1]
        if twice:
            raise CheckFailed(f"{what}: {len(twice)} orders were answered twice")
        if doubled := self.simulator.seen.doubled():
            raise CheckFailed(f"{what}: {len(doubled)} orders had their effect more than once at the register")


def _next_night(moment: datetime) -> datetime:
    at_three = moment.replace(hour=3, minute=0, second=0, microsecond=0)
    return at_three if at_three > moment else at_three + timedelta(days=1)


@contextmanager
def crash_expected() -> Iterator[None]:
    """A driver's task group wraps what happens in it."""
    try:
        yield
    except* Crash:
        pass


def orders(candidate: Candidate) -> list[str]:
    return [name for name, one in candidate.manifest.operations.items() if one.kind is Kind.COMMAND]


def unsafe(candidate: Candidate, operation: str) -> bool:
    return candidate.manifest.operations[operation].effect is Effect.UNSAFE
