"""Sends records to Kafka, one batch per partition: no coroutine and no future per record, as `send` would create.

Invariants: within a partition, records go in the order they were added; a key goes to the partition that Kafka's own
default partitioner chooses, so any other producer or consumer of these topics agrees.
"""

import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from wanderamt.contracts import Headers

_SEED, _M, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


@lru_cache(maxsize=4096)  # the events of an aggregate come close together
def partition_of(key: bytes, partitions: int) -> int:
    """For a key whose length is a multiple of four, such as that of a UUID.

    Equals aiokafka.partitioner.murmur2 (a test compares them). Source: MurmurHash2 by Austin Appleby.
    """
    h = _SEED ^ len(key)
    for word in _words(len(key))(key):
        k = word * _M & _32_BITS
        h = (h * _M & _32_BITS) ^ ((k ^ k >> 24) * _M & _32_BITS)
    h = (h ^ h >> 13) * _M & _32_BITS
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


@lru_cache
def _words(length: int) -> Callable[[bytes], tuple[int, ...]]:
    return struct.Struct(f"<{length // 4}I").unpack


class PartitionBatcher:
    """Created anew for each set of records. `partitions`: the number of partitions per topic."""

    def __init__(self, producer: AIOKafkaProducer, partitions: dict[str, int]) -> None:
        self._producer = producer
        self._partitions = partitions
        self._batches: defaultdict[tuple[str, int], list[BatchBuilder]] = defaultdict(list)

    @classmethod
    async def create(cls, producer: AIOKafkaProducer, topics: set[str]) -> "PartitionBatcher":
        return cls(producer, {topic: len(await producer.partitions_for(topic)) for topic in topics})

    def add(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        batches = self._batches[topic, partition_of(key, self._partitions[topic])]
        record_headers = list(headers)
        if not batches or batches[-1].append(timestamp=None, key=key, value=value, headers=record_headers) is None:
            batches.append(self._producer.create_batch())
            # the first record of a batch always fits
            batches[-1].append(timestamp=None, key=key, value=value, headers=record_headers)

    async def send(self) -> None:
        """Returns when the broker has acknowledged all records. Raises KafkaError."""
        acks: list[Awaitable[object]] = []
        for (topic, partition), batches in self._batches.items():
            for batch in batches:
                acks.append(await self._producer.send_batch(batch, topic, partition=partition))
        for ack in acks:
            await ack
