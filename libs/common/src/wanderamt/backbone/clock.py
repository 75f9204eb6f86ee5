"""What no message asks for: looks again and again, each time in a transaction of its own, whether something is due.

Kept true: whoever does it locks what it takes and skips what is locked, so any number of processes may look at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wanderamt.backbone.database import Database
from wanderamt.backbone.forever import for_ever
from wanderamt.backbone.work import Work


@dataclass
class Clock:
    """`body` does a bounded share and returns how many it did: 0 when nothing is due. Looks every `every_s` seconds."""

    database: Database
    name: str
    body: Callable[[Work], Awaitable[int]]
    every_s: float = 5.0
    trouble: str = "not started"
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.trouble = ""
        self._task = asyncio.create_task(for_ever(self.name, self._run, self._tell), name=self.name)

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        async with self.database.work() as work:
            return await self.body(work)

    async def _run(self) -> None:
        while await self.look():
            pass
        self.trouble = ""
        await asyncio.sleep(self.every_s)

    def _tell(self, why: str) -> None:
        self.trouble = why
