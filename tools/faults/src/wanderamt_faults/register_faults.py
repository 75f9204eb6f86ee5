"""The faults of a register run: services die, also at commit points, and registers are slow, down or silent.

Registers fail in some calls all the time; the rest happens at random moments. A slow register writes after its caller
has stopped waiting.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wanderamt_local.system import System

from wanderamt_faults.fault_injector import Fault, FaultInjector

REGISTERS: Final = ("residents", "vehicles", "parking")
QUIET: Final[dict[str, Any]] = {
    "latency_s": 0.05,
    "jitter_s": 0.02,
    "latency_curve": [],
    "error_share": 0.0,
    "html_share": 0.0,
    "cut_share": 0.0,
    "timeout_share": 0.0,
    "apply_then_timeout_share": 0.0,
    "down": False,
}
TROUBLED: Final[dict[str, Any]] = QUIET | {
    "latency_curve": [(0.8, 0.1), (0.95, 1.0), (1.0, 3.0)],  # late answers meet corrected and withdrawn cases
    "error_share": 0.03,
    "html_share": 0.01,
    "cut_share": 0.08,
    "timeout_share": 0.02,
    "apply_then_timeout_share": 0.06,
    "hang_s": 21.0,  # longer than any bridge waits
}
LATEST_S: Final = 8.0
OVERLOADED: Final[dict[str, Any]] = {"latency_curve": [(0.5, 3.0), (1.0, LATEST_S)]}


async def set_register_faults(system: System, faults: Mapping[str, Any]) -> None:
    for register in REGISTERS:
        await system.set_faults(register, dict(faults))


@dataclass
class RegisterFaultInjector(FaultInjector):
    gap_s: float = 6.0

    def start(self) -> None:
        processes: list[tuple[int, Fault]] = [
            (5, self.kill_service),
            (8, self.crash_at_commit_point),
            (1, self.terminate_service),
            (2, self.freeze_service),
            (1, self.kill_database),
            (1, self.freeze_broker),
        ]
        registers: list[tuple[int, Fault]] = [
            (3, self.register_down),
            (3, self.register_overloaded),
            (2, self.cut_connections),
            (1, self.delay_route),
        ]
        locks = (self._processes, asyncio.Lock())
        self._tasks = [
            asyncio.create_task(self._inject(choices, random.Random(self.rng.random()), lock))
            for choices, lock in zip((processes, registers), locks, strict=True)
        ]

    async def register_down(self) -> str:
        return await self._for_some_seconds({"down": True}, {"down": False})

    async def register_overloaded(self) -> str:
        """Answers come so late that some callers have stopped waiting."""
        return await self._for_some_seconds(OVERLOADED, {"latency_curve": TROUBLED["latency_curve"]})

    async def _for_some_seconds(self, faults: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        register = self.rng.choice(REGISTERS)
        await self.system.set_faults(register, dict(faults))
        await asyncio.sleep(self.rng.uniform(1, 5))
        await self.system.set_faults(register, dict(after))
        return register
