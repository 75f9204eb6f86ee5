"""Keeps the calls of this process to the rate when a busy event loop delayed them past their reserved slots.

Invariants: within any second, at most `rate_per_s` calls of this process begin, in the order in which they asked, and
evenly: calls that became due while the process was held up do not begin together (generic cell rate algorithm, ITU-T
I.371). A register counts what arrives; calls that begin together, twice in a little more than a second, may arrive in
one.
"""

import asyncio
from typing import Final

STRETCH: Final = 1.02  # of the time between two calls: network delays differ
CATCH_UP_S: Final = 0.015  # timers fire late; calls that are late by less do not delay those after them


class CallPacer:
    def __init__(self, rate_per_s: float) -> None:
        self._step_s = STRETCH / rate_per_s
        self._next_at = 0.0  # on the clock of the event loop
        self._turn = asyncio.Lock()

    async def wait_for_turn(self) -> None:
        """Returns when the next call may begin, and counts it."""
        clock = asyncio.get_running_loop().time
        if not self._turn.locked() and clock() >= self._next_at:
            self._count(clock())
            return
        async with self._turn:
            while (wait_s := self._next_at - clock()) > 0:  # a timer may also fire early
                await asyncio.sleep(wait_s)
            self._count(clock())

    def _count(self, now: float) -> None:
        self._next_at = max(self._next_at, now - CATCH_UP_S) + self._step_s
