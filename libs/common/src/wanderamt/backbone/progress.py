"""Whether a consumer moves while there is something to take.

A consumer of aiokafka can be alive and stuck after a broker restart (aio-libs/aiokafka issues 1154 and 847), so
"the task runs" proves nothing: what counts is lag against progress.
"""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError

ASK_TIMEOUT_S = 10


class Progress:
    def __init__(self, stuck_after_s: float) -> None:
        self._stuck_after_s = stuck_after_s
        self._last: Any = None
        self._since = 0.0

    async def look(self, consumer: Any, handled: int) -> str:
        """Empty while all is well; else a sentence, once nothing moved for `stuck_after_s` although records wait.

        Raises what a client raises that is broken for good.
        """
        now = asyncio.get_running_loop().time()
        self._since = self._since or now
        partitions = list(consumer.assignment())
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                ends = await consumer.end_offsets(partitions) if partitions else {}
        except (KafkaError, TimeoutError, OSError, AssertionError):
            self._since = now  # the broker is away: that is its trouble, not a consumer that stands
            return ""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                positions = {tp: await consumer.position(tp) for tp in partitions}
        except (KafkaError, TimeoutError) as error:  # a partition that just went elsewhere, or a group that is lost
            return self._patience(now, f"where it stands cannot be said ({type(error).__name__})")
        lag = sum(ends[tp] - positions[tp] for tp in partitions)
        seen = (handled, tuple(sorted(positions.items())))
        if not lag or seen != self._last:
            self._last, self._since = seen, now
            return ""
        return self._patience(now, f"{lag} records wait")

    def _patience(self, now: float, why: str) -> str:
        waited_s = now - self._since
        return "" if waited_s < self._stuck_after_s else f"stuck: {why} and nothing moved for {waited_s:.0f} s"
