"""One aggregate waits, the rest flows.

Kept true: a record that fails for good is kept with its reason and raw bytes; every later record of the same
aggregate queues behind it in order; records nobody can read are quarantined with topic, partition, offset and bytes.
Whoever parks behind or replays holds the aggregate's lock, so nothing is left behind a head that is gone.
"""

import hashlib
import json
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, 4711))"


class ParkedState(StrEnum):
    PARKED = "parked"  # failed for good, the head of its aggregate's queue
    BEHIND = "behind"  # waits for the head
    QUARANTINED = "quarantined"  # no event of ours


class Arrival(NamedTuple):
    """A Kafka record as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is parked. Rows with one fingerprint failed at the same place for the same reason."""

    reason: str
    fingerprint: str


BEHIND = Cause("an earlier event of this aggregate is parked", "behind")


def cause_of(error: BaseException, type_: str) -> Cause:
    """Names the error and the place, never its text, which may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].name}" if frames else "?"
    name = type(error).__name__
    return Cause(f"{name} in {place}", fingerprint(type_, name, place))


def unreadable(reason: str, type_: str) -> Cause:
    return Cause(reason, fingerprint(type_, reason))


def fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


async def park(
    connection: Any,
    consumer: str,
    arrival: Arrival,
    *,
    aggregate: UUID | None,
    type_: str,
    state: ParkedState,
    cause: Cause,
) -> None:
    await connection.execute(
        """
        INSERT INTO parked (consumer, topic, partition, "offset", aggregate, key, value, headers, type, state, reason,
                            fingerprint)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
        """,
        consumer,
        arrival.topic,
        arrival.partition,
        arrival.offset,
        aggregate,
        arrival.key,
        arrival.value,
        freeze(arrival.headers),
        type_,
        state,
        cause.reason,
        cause.fingerprint,
    )


async def still_waiting(connection: Any, consumer: str, aggregates: Iterable[UUID]) -> set[UUID]:
    """Which of these have a parked record, asked under their locks: a replay that was draining them has ended."""
    waiting = set()
    for aggregate in sorted(aggregates):
        await connection.execute(LOCK, consumer, str(aggregate))
        if await connection.fetchval(
            "SELECT true FROM parked WHERE consumer = $1 AND aggregate = $2 LIMIT 1", consumer, aggregate
        ):
            waiting.add(aggregate)
    return waiting


def freeze(headers: tuple[tuple[str, bytes], ...]) -> bytes:
    """Any bytes survive: a database text cannot hold a NUL."""
    return json.dumps([[name, raw.decode("latin-1")] for name, raw in headers]).encode()


def thaw(frozen: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode("latin-1")) for name, text in json.loads(frozen))
