"""FastStream's batch subscriber, bent in three places.

Kept true: it hears at once (its own loop is deaf for a while after each look in vain); it sees no record headers (it
drops a whole batch when one of them is not UTF-8); it leaves the values alone and the offsets to us.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from math import ceil
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

MAX_RECORDS = 500
WAIT_MS = 500
BROKEN_S = 1.0  # between two looks at a client that fails

Record: TypeAlias = ConsumerRecord[bytes, bytes]


def subscribe(
    broker: KafkaBroker,
    topics: Sequence[str],
    on_batch: Callable[[Sequence[Record]], Awaitable[None]],
    *,
    group: str,
    mixed: bool,
    linger_s: float,
    on_broken: Callable[[Exception], None],
) -> Any:
    """The framework's subscriber. `mixed`: a batch takes a share of each partition, so that keyed lanes are wide.

    `linger_s`: waits so long for more once something came. `on_broken`: hears what the client fails with that is no
    error of Kafka's; the framework's loop would end with it in silence.
    """
    subscriber = broker.subscriber(
        *topics,
        group_id=group,
        batch=True,
        max_records=MAX_RECORDS,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        parser=_unparsed,
        decoder=_raw,
    )

    async def hear(body: Any, message: KafkaMessage) -> None:
        records = message.raw_message
        assert isinstance(records, tuple)  # noqa: S101 -- batch=True above
        await on_batch(records)

    subscriber(hear)
    take = partial(_take_mixed if mixed else _take, linger_s=linger_s)
    subscriber.get_msg = partial(_take_or_tell, take=take, on_broken=on_broken)  # type: ignore[method-assign]
    return subscriber


async def _take_or_tell(
    consumer: "AIOKafkaConsumer[bytes, bytes]",
    *,
    take: Callable[["AIOKafkaConsumer[bytes, bytes]"], Awaitable[tuple[Record, ...]]],
    on_broken: Callable[[Exception], None],
) -> tuple[Record, ...]:
    try:
        return await take(consumer)
    except RuntimeError as error:
        on_broken(error)
        await asyncio.sleep(BROKEN_S)
        return ()


async def _take(consumer: "AIOKafkaConsumer[bytes, bytes]", *, linger_s: float) -> tuple[Record, ...]:
    records = _flat(await consumer.getmany(timeout_ms=WAIT_MS, max_records=MAX_RECORDS))
    if records and linger_s:
        await asyncio.sleep(linger_s)
        records += _flat(await consumer.getmany(max_records=MAX_RECORDS))
    return tuple(records)


async def _take_mixed(consumer: "AIOKafkaConsumer[bytes, bytes]", *, linger_s: float) -> tuple[Record, ...]:
    """Of each partition in proportion to what waits there: no lane of a batch is much longer than the others."""
    records = _flat(await consumer.getmany(timeout_ms=WAIT_MS, max_records=1))
    if records:
        await asyncio.sleep(linger_s)
        waiting = await _waiting(consumer)
        every = max(1.0, sum(waiting.values()) / MAX_RECORDS)
        for place, count in waiting.items():
            records += _flat(await consumer.getmany(place, max_records=ceil(count / every)))
    return tuple(records)


async def _waiting(consumer: "AIOKafkaConsumer[bytes, bytes]") -> dict[TopicPartition, int]:
    """How many records wait in each partition that has some, as of its last fetch."""
    waiting: dict[TopicPartition, int] = {}
    for place in consumer.assignment():
        end = consumer.highwater(place)
        with suppress(IllegalStateError):  # it went to another consumer meanwhile
            if end is not None and (count := end - await consumer.position(place)) > 0:
                waiting[place] = count
    return waiting


def _flat(found: Mapping[Any, list[Record]]) -> list[Record]:
    return list(chain.from_iterable(found.values()))


async def _unparsed(
    records: tuple[Record, ...], original: Callable[[tuple[Record, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """Shows the framework one record without headers."""
    message = await original((replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def _raw(message: KafkaMessage) -> bytes | None:
    return message.body
