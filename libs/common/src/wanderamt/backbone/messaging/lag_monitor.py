"""Detects a consumer that makes no progress while records wait.

A consumer of aiokafka can be alive and stuck after a broker restart (aio-libs/aiokafka issues 1154 and 847), so a
running task proves nothing: only lag compared with progress does.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError

from wanderamt.backbone.observability.metrics import Attributes, Measurement

REQUEST_TIMEOUT_S = 10


class LagMonitor:
    """`lags`: records that wait, by assigned partition, as of the last check."""

    def __init__(self, stuck_after_s: float) -> None:
        self.lags: Mapping[Any, int] = {}
        self._stuck_after_s = stuck_after_s
        self._last: Any = None
        self._since = 0.0

    def measurements(self, consumer: str, committed: Mapping[Any, int]) -> list[Measurement]:
        """Lag and committed offset of each assigned partition."""
        measured = []
        for tp, lag in self.lags.items():
            attributes: Attributes = {
                "messaging.consumer.group.name": consumer,
                "messaging.destination.name": tp.topic,
                "messaging.destination.partition.id": str(tp.partition),
            }
            measured.append(Measurement("wanderamt.consumer.lag", lag, attributes))
            if tp in committed:
                measured.append(Measurement("wanderamt.consumer.committed", committed[tp], attributes))
        return measured

    async def check(self, consumer: Any, handled: int) -> str:
        """An empty text, or a problem once nothing moved for `stuck_after_s` seconds although records wait.

        Raises the client's own error when the client is permanently broken.
        """
        now = asyncio.get_running_loop().time()
        self._since = self._since or now
        partitions = list(consumer.assignment())
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                ends = await consumer.end_offsets(partitions) if partitions else {}
        except (KafkaError, TimeoutError, OSError, AssertionError):
            self._since = now  # the broker is unavailable: the consumer is not to blame
            return ""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                positions = {tp: await consumer.position(tp) for tp in partitions}
        except (KafkaError, TimeoutError) as error:  # a partition that was just reassigned, or a lost group
            return self._problem_if_overdue(now, f"its position is not known ({type(error).__name__})")
        self.lags = {tp: ends[tp] - positions[tp] for tp in partitions}
        lag = sum(self.lags.values())
        seen = (handled, tuple(sorted(positions.items())))
        if not lag or seen != self._last:
            self._last, self._since = seen, now
            return ""
        return self._problem_if_overdue(now, f"{lag} records wait")

    def _problem_if_overdue(self, now: float, reason: str) -> str:
        waited_s = now - self._since
        return "" if waited_s < self._stuck_after_s else f"stuck: {reason} and nothing moved for {waited_s:.0f} s"
