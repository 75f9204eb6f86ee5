"""A consumer that reads only while somebody wants what it does: without them it costs nothing.

Kept true: once it has read it keeps its place in the group, so nothing that comes while it rests is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wanderamt.backbone.forever import for_ever
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.work import Work

LOOK_EVERY_S = 2.0


@dataclass
class OnDemand:
    """`wanted` is asked again and again, in a transaction of its own."""

    inbox: Inbox
    wanted: Callable[[Work], Awaitable[bool]]
    trouble: str = "not started"
    _running: bool = False
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.trouble = ""
        self._task = asyncio.create_task(for_ever("on-demand", self._look, self._tell), name="on-demand")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._running:
            await self.inbox.stop()

    async def _look(self) -> None:
        async with self.inbox.database.work() as work:
            wanted = await self.wanted(work)
        if wanted and not self._running:
            self._running = True
            await self.inbox.start()
        self.trouble = self.inbox.trouble if self._running else ""
        await asyncio.sleep(LOOK_EVERY_S)

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble
