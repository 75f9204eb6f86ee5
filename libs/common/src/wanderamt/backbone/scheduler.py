"""Work that no message triggers: runs a function periodically, each time in its own transaction.

Invariants: the function locks what it takes and skips what is locked, so any number of processes may run it at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.supervision import run_forever


@dataclass
class PeriodicTask:
    """Every `interval_s` seconds, calls `body` until it returns 0. `body` handles a bounded number of due items and
    returns how many."""

    database: Database
    name: str
    body: Callable[[UnitOfWork], Awaitable[int]]
    interval_s: float = 5.0
    health_problem: str = "not started"
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.health_problem = ""
        self._task = asyncio.create_task(run_forever(self.name, self._run, self._report_problem), name=self.name)

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run_once(self) -> int:
        async with self.database.unit_of_work() as uow:
            return await self.body(uow)

    async def _run(self) -> None:
        while await self.run_once():
            pass
        self.health_problem = ""
        await asyncio.sleep(self.interval_s)

    def _report_problem(self, problem: str) -> None:
        self.health_problem = problem
