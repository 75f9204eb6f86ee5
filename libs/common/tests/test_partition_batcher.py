"""The partition of a key, and the order within a partition."""

from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.partition_batcher import PartitionBatcher, partition_of
from wanderamt.backbone.messaging.relay import new_producer
from wanderamt.backbone.messaging.topics import Topics
from wanderamt_testing.servers import Servers


@given(st.uuids(), st.integers(1, 64))
def test_a_key_goes_where_the_default_partitioner_sends_it(key: UUID, partitions: int) -> None:
    text = str(key).encode()
    assert partition_of(text, partitions) == (murmur2(text) & 0x7FFFFFFF) % partitions


async def test_more_than_one_batch_of_a_partition_keeps_its_order(servers: Servers, topics: Topics) -> None:
    await topics.create(servers.kafka.bootstrap_servers, partitions=2)
    name = topics.name("stand.v1")
    producer = new_producer(servers.kafka.bootstrap_servers)
    await producer.start()
    batches = await PartitionBatcher.create(producer, {name})
    keys = [str(uuid7()).encode() for _ in range(5)]
    for number in range(300):  # 300 records of 4 KB: several batches per partition
        batches.add(name, keys[number % 5], b"%05d" % number + b"x" * 4000, (("ce_sequence", b"%d" % number),))
    await batches.send()
    await producer.stop()

    received: dict[bytes, list[int]] = {}
    consumer = AIOKafkaConsumer(
        name, bootstrap_servers=servers.kafka.bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    while sum(map(len, received.values())) < 300:
        for records in (await consumer.getmany(timeout_ms=5000)).values():
            for record in records:
                assert record.headers == (("ce_sequence", b"%d" % int(record.value[:5])),)
                received.setdefault(record.key, []).append(int(record.value[:5]))
    await consumer.stop()
    assert received == {key: list(range(place, 300, 5)) for place, key in enumerate(keys)}
