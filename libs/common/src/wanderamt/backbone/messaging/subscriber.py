"""Adapts FastStream's batch subscriber to the inbox.

Differences: (1) no idle sleep after an empty poll, so a record is received at once; (2) FastStream sees no record
headers, because it drops a whole batch when one header is not UTF-8; (3) it does not decode values and commits no
offsets: the inbox does both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from wanderamt.backbone.messaging.records import MAX_RECORDS

POLL_TIMEOUT_MS = 500
CLIENT_ERROR_PAUSE_S = 1.0  # between two polls of a client that fails

Record: TypeAlias = ConsumerRecord[bytes, bytes]


def create_subscriber(
    bootstrap_servers: str,
    topics: Sequence[str],
    on_batch: Callable[[Sequence[Record]], Awaitable[None]],
    *,
    group: str,
    linger_s: float,
    on_client_error: Callable[[Exception], None],
) -> tuple[KafkaBroker, Any]:
    """The framework's broker, not started, and its one subscriber.

    `linger_s`: how long to wait for more records once some arrived. `on_client_error`: called with an error of the
    client that is not a KafkaError; without it the framework's loop would end silently.
    """
    broker = KafkaBroker(bootstrap_servers.split(","), graceful_timeout=20, logger=None)
    subscriber = broker.subscriber(
        *topics,
        group_id=group,
        batch=True,
        max_records=MAX_RECORDS,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        parser=_without_headers,
        decoder=_undecoded,
    )

    async def receive(body: Any, message: KafkaMessage) -> None:
        records = message.raw_message
        assert isinstance(records, tuple)  # noqa: S101 -- batch=True above
        await on_batch(records)

    subscriber(receive)
    subscriber.get_msg = partial(_poll, linger_s=linger_s, on_client_error=on_client_error)  # type: ignore[method-assign]
    return broker, subscriber


async def _poll(
    consumer: "AIOKafkaConsumer[bytes, bytes]", *, linger_s: float, on_client_error: Callable[[Exception], None]
) -> tuple[Record, ...]:
    try:
        return await _fetch(consumer, linger_s=linger_s)
    except RuntimeError as error:
        on_client_error(error)
        await asyncio.sleep(CLIENT_ERROR_PAUSE_S)
        return ()


async def _fetch(consumer: "AIOKafkaConsumer[bytes, bytes]", *, linger_s: float) -> tuple[Record, ...]:
    records = _flat(await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS, max_records=MAX_RECORDS))
    if records and linger_s:
        await asyncio.sleep(linger_s)
        records += _flat(await consumer.getmany(max_records=MAX_RECORDS))
    return tuple(records)


def _flat(batches: Mapping[Any, list[Record]]) -> list[Record]:
    return list(chain.from_iterable(batches.values()))


async def _without_headers(
    records: tuple[Record, ...], original: Callable[[tuple[Record, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """Gives the framework one record without headers."""
    message = await original((replace(records[0], headers=()),))
    message.raw_message = records
    return message


async def _undecoded(message: KafkaMessage) -> bytes | None:
    return message.body
