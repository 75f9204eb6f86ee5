"""What moments promise, a busy process must not break: calls whose turn came while it did something else do not go all
at once.

Kept true: of this process at most `rate_per_s` calls begin in any second (a sliding log), in the order they asked.
"""

import asyncio
from collections import deque
from typing import Final

SECOND_S: Final = 1.02  # a little longer, for the way to the register


class Window:
    def __init__(self, rate_per_s: float) -> None:
        self._begun: deque[float] = deque(maxlen=max(1, int(rate_per_s)))
        self._longest_s = SECOND_S * max(1.0, 1.0 / rate_per_s)
        self._turn = asyncio.Lock()

    async def enter(self) -> None:
        """Returns when a call may begin, which then has begun."""
        loop, begun = asyncio.get_running_loop(), self._begun
        if not self._turn.locked() and (len(begun) < (begun.maxlen or 1) or loop.time() - begun[0] >= self._longest_s):
            begun.append(loop.time())
            return
        async with self._turn:
            while len(begun) == begun.maxlen and (wait_s := begun[0] + self._longest_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            begun.append(loop.time())
