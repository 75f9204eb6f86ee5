"""Limits the call rate of this process when a busy event loop delayed calls past their reserved slots.

Invariants: within any second, at most `rate_per_s` calls of this process begin (sliding-window log), in the order in
which they asked.
"""

import asyncio
from collections import deque
from typing import Final

WINDOW_S: Final = 1.02  # slightly more than a second: network delays differ


class SlidingWindow:
    def __init__(self, rate_per_s: float) -> None:
        self._started: deque[float] = deque(maxlen=max(1, int(rate_per_s)))
        self._longest_s = WINDOW_S * max(1.0, 1.0 / rate_per_s)
        self._turn = asyncio.Lock()

    async def wait_for_slot(self) -> None:
        """Returns when the next call may begin, and counts it."""
        loop, started = asyncio.get_running_loop(), self._started
        if not self._turn.locked() and (
            len(started) < (started.maxlen or 1) or loop.time() - started[0] >= self._longest_s
        ):
            started.append(loop.time())
            return
        async with self._turn:
            while len(started) == started.maxlen and (wait_s := started[0] + self._longest_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            started.append(loop.time())
