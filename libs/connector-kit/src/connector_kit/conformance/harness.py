"""A bridge under test with its simulator and store, in an event loop with virtual time: what the checks drive."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError
from connector_kit.manifest.operation import Idempotency, OperationKind
from connector_kit.testing.driver import (
    DrivenRequest,
    DrivenRequestState,
    DriverStage,
    MemoryDriver,
    MemoryStore,
    SimulatedCrashError,
)
from connector_kit.testing.file_driver import FileMemoryDriver, FileMemoryStore

MONDAY_NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
OPEN = (DrivenRequestState.WAITING, DrivenRequestState.CLAIMED)
DAY_S = 86_400.0


def clock() -> datetime:
    return MONDAY_NOON + timedelta(seconds=asyncio.get_running_loop().time())


def id_of(number: int) -> UUID:
    return UUID(int=(0x0190_0000_0000_7000_8000 << 48) + number)


class Harness:
    """For a register that is called."""

    def __init__(self, subject: BridgeUnderTest, **faults: Any) -> None:
        self.bridge, self.store = subject, MemoryStore()
        self.simulator = subject.simulator(**{"latency_s": 0.05, "jitter_s": 0.0, **faults})
        self.driver = self.new_driver()
        self.count = 0

    def new_driver(
        self, at: Callable[[DriverStage, DrivenRequest], None] = lambda _stage, _request: None
    ) -> MemoryDriver:
        """A new process that finds the store as the previous one left it."""
        bridge = self.bridge.make_bridge(self.bridge, self.bridge.transport(self.simulator))
        self.driver = MemoryDriver(bridge, self.store, clock, on_stage=at)
        return self.driver

    def set_faults(self, **faults: Any) -> None:
        self.simulator.faults = self.simulator.faults.model_copy(update=faults)

    def submit(self, operation: str, *, key: str = "") -> DrivenRequest:
        self.count += 1
        question = self.bridge.example(operation).question_json(self.count)
        self.simulator.prepare_example(operation, json.loads(question))
        id_ = id_of(self.count)
        self.driver.submit(id_, key or f"case {self.count}", operation, question)
        return self.store.requests[id_]

    def open(self) -> list[DrivenRequest]:
        return [request for request in self.store.requests.values() if request.state in OPEN]

    async def run(self, seconds: float) -> None:
        """As a service does: runs whatever is due, until nothing is open or the time is over."""
        loop = asyncio.get_running_loop()
        end, pause_s = loop.time() + seconds, 0.1
        while loop.time() < end and self.open():
            pause_s = 0.1 if await self.driver.run_due() else min(pause_s * 1.5, max(1.0, seconds / 500))
            await asyncio.sleep(min(pause_s, max(0.001, end - loop.time())))
        await self.driver.run_due()

    def expect(self, states: set[DrivenRequestState], *, situation: str) -> None:
        wrong = Counter(
            f"{request.operation} {request.state} {request.code}"
            for request in self.store.requests.values()
            if request.state not in states
        )
        if wrong:
            raise CheckFailedError(
                f"{situation}: {', '.join(f'{count} x {text.strip()}' for text, count in wrong.items())}"
            )

    def expect_single_effects(self, situation: str) -> None:
        duplicated = self.simulator.call_log.duplicated()
        if duplicated:
            raise CheckFailedError(
                f"{situation}: {len(duplicated)} orders were executed more than once at the register"
            )


class FileHarness:
    """For a register that exchanges files. Nights pass while `run` runs."""

    def __init__(self, subject: BridgeUnderTest, root: Path, **faults: Any) -> None:
        self.bridge, self.store = subject, FileMemoryStore()
        self.simulator = subject.file_simulator(root, **faults)
        self.driver = self.new_driver()
        self.count = 0
        self.nights = 0

    def new_driver(self, at: Callable[[DriverStage], None] = lambda _: None) -> FileMemoryDriver:
        self.driver = FileMemoryDriver(self.bridge.file_bridge(self.simulator), self.store, clock, on_stage=at)
        return self.driver

    def set_faults(self, **faults: Any) -> None:
        self.simulator.faults = self.simulator.faults.model_copy(update=faults)

    def submit(self, operation: str) -> UUID:
        self.count += 1
        self.driver.submit(id_of(self.count), operation, self.bridge.example(operation).question_json(self.count))
        return id_of(self.count)

    async def run(self, days: float) -> None:
        """Runs steps as they become due; a night is at 3 a.m. local time of the register."""
        zone, loop = self.bridge.manifest.zone, asyncio.get_running_loop()
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

    def expect(self, states: set[DrivenRequestState], *, situation: str) -> None:
        wrong = Counter(str(row.state) for row in self.store.rows.values() if row.state not in states)
        if wrong:
            raise CheckFailedError(f"{situation}: {', '.join(f'{count} x {text}' for text, count in wrong.items())}")
        twice = [id_ for id_, count in Counter(self.store.answers).items() if count > 1]
        if twice:
            raise CheckFailedError(f"{situation}: {len(twice)} orders were answered twice")
        if duplicated := self.simulator.call_log.duplicated():
            raise CheckFailedError(
                f"{situation}: {len(duplicated)} orders were executed more than once at the register"
            )


def _next_night(moment: datetime) -> datetime:
    at_three = moment.replace(hour=3, minute=0, second=0, microsecond=0)
    return at_three if at_three > moment else at_three + timedelta(days=1)


@contextmanager
def crash_expected() -> Iterator[None]:
    """Unwraps the exception group of the driver's task group."""
    try:
        yield
    except* SimulatedCrashError:
        pass


def orders(subject: BridgeUnderTest) -> list[str]:
    return [name for name, operation in subject.manifest.operations.items() if operation.kind is OperationKind.COMMAND]


def is_unrepeatable(subject: BridgeUnderTest, operation: str) -> bool:
    return subject.manifest.operations[operation].idempotency is Idempotency.NONE
