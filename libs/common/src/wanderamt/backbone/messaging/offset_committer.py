"""Commits the offsets of processed records to the consumer group, a few times per second.

Correctness rests on the watermarks in the database; the commits only avoid reading records twice.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from wanderamt.backbone.messaging.deduplication import PartitionKey

COMMIT_INTERVAL_S = 0.5
COMMIT_TIMEOUT_S = 10.0

log = structlog.get_logger()


class OffsetCommitter:
    """`failures`: commits that failed in a row. `committed`: by partition, since this process started."""

    def __init__(self, consumer_name: str) -> None:
        self.failures = 0
        self.committed: dict[TopicPartition, int] = {}
        self._consumer_name = consumer_name
        self._processed: dict[TopicPartition, int] = {}

    def add(self, ends: Mapping[PartitionKey, int]) -> None:
        """The database transaction of the records below these offsets is committed."""
        for key, end in ends.items():
            partition = TopicPartition(*key)
            self._processed[partition] = max(self._processed.get(partition, 0), end)

    async def commit(self, consumer: Any) -> None:
        """`consumer`: of aiokafka, or None while there is none."""
        processed, self._processed = self._processed, {}
        if not processed or consumer is None:
            return
        ours = {partition: offset for partition, offset in processed.items() if partition in consumer.assignment()}
        try:
            if ours:
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    await consumer.commit(ours)
                self.committed = self.committed | ours
            self.failures = 0
        except (KafkaError, TimeoutError) as error:  # the records come again and the deduplicator drops them
            self.failures += 1
            log.warning("consumer.commit_failed", consumer=self._consumer_name, error=type(error).__name__)
