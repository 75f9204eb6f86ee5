"""A consumer that starts when its work is needed for the first time; until then it costs nothing.

Invariants: after its first start it keeps its offsets in the consumer group, so it misses no event that arrives while
the service is stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.observability.metrics import Measurement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.supervision import run_forever

CHECK_INTERVAL_S = 2.0


@dataclass
class IdleUntilNeeded:
    """Calls `is_needed` every CHECK_INTERVAL_S seconds, each time in its own transaction, until the inbox runs."""

    inbox: Inbox
    is_needed: Callable[[UnitOfWork], Awaitable[bool]]
    health_problem: str = "not started"
    _running: bool = False
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.health_problem = ""
        self._task = asyncio.create_task(
            run_forever("idle-consumer", self._check, self._report_problem), name="idle-consumer"
        )

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._running:
            await self.inbox.stop()

    def measurements(self) -> list[Measurement]:
        return self.inbox.measurements()

    async def _check(self) -> None:
        async with self.inbox.database.unit_of_work() as uow:
            needed = await self.is_needed(uow)
        if needed and not self._running:
            self._running = True
            await self.inbox.start()
        self.health_problem = self.inbox.health_problem if self._running else ""
        await asyncio.sleep(CHECK_INTERVAL_S)

    def _report_problem(self, problem: str) -> None:
        self.health_problem = problem
