"""Events that could not be handled and jobs that failed, in the table `dead_letter`: one aggregate waits, all others go
on.

Invariants: a record that fails permanently is stored with its reason and its raw bytes; every later record of the same
aggregate is stored behind it, in order; a record that nobody can read is stored with topic, partition, offset and
bytes; nothing waits for a record without the proof that its type needs (`rejected`). Storing behind a record and
replaying it both take the aggregate's lock, so no record waits behind one that a replay has already removed.
"""

import hashlib
import json
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import structlog

from wanderamt.contracts import EventHeader

LOCK_AGGREGATE = "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2 || '/' || $3, 4711))"
"""The arguments: consumer, topic, aggregate as text."""
AggregateKey: TypeAlias = tuple[str, UUID]
"""(topic, aggregate): things of different kinds may have the same id, because callers make some ids."""

log = structlog.get_logger()


class DeadLetterKind(StrEnum):
    """The values of the column `dead_letter.kind`."""

    EVENT = "event"
    JOB = "job"  # the table `job` holds it, with status failed


class DeadLetterState(StrEnum):
    """The values of the column `dead_letter.state`."""

    FAILED = "failed"  # its handler failed permanently; an event is the first of its aggregate
    BLOCKED = "blocked"  # waits for an earlier record of its aggregate
    UNREADABLE = "unreadable"  # no event of this system, or not a valid one
    REJECTED = "rejected"  # not proven to come from the owner of its topic; nothing waits for it


class RawRecord(NamedTuple):
    """A Kafka record, not decoded."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Why a record is a dead letter. Rows with the same fingerprint failed at the same place for the same reason."""

    reason: str
    fingerprint: str


BLOCKED_BY_EARLIER = FailureCause("an earlier event of this aggregate is a dead letter", "blocked")


def log_failure(event: str, consumer: str, error: BaseException, header: EventHeader | None = None) -> None:
    """With the lines at which the error was raised, the innermost last, but without its text: that may hold personal
    data. `header`: of the event whose handler failed."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    failed = {"event_id": str(header.id), "type": header.type} if header else {}
    log.warning(event, consumer=consumer, **failed, error=type(error).__name__, places=places)


def cause_of(error: BaseException, type_: str) -> FailureCause:
    """Names the error's class and place, never its text: that may hold personal data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].name}" if frames else "?"
    name = type(error).__name__
    return FailureCause(f"{name} in {place}", fingerprint(type_, name, place))


def unreadable_cause(reason: str, type_: str) -> FailureCause:
    return FailureCause(reason, fingerprint(type_, reason))


def fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


async def store_dead_letter(
    connection: Any,
    consumer: str,
    record: RawRecord,
    *,
    aggregate: UUID | None,
    type_: str,
    state: DeadLetterState,
    cause: FailureCause,
) -> None:
    await connection.execute(
        """
        INSERT INTO dead_letter (consumer, topic, partition, "offset", aggregate, key, value, headers, type, state,
                                 reason, fingerprint)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
        """,
        consumer,
        record.topic,
        record.partition,
        record.offset,
        aggregate,
        record.key,
        record.value,
        encode_headers(record.headers),
        type_,
        state,
        cause.reason,
        cause.fingerprint,
    )


async def store_failed_job(
    connection: Any, consumer: str, job_id: UUID, queue: str, cause: FailureCause, *, attempts: int
) -> None:
    await connection.execute(
        """
        INSERT INTO dead_letter (kind, consumer, job_id, type, state, reason, fingerprint, attempts)
        VALUES ('job', $1, $2, $3, 'failed', $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        consumer,
        job_id,
        queue,
        cause.reason,
        cause.fingerprint,
        attempts,
    )


async def still_blocked(connection: Any, consumer: str, aggregates: Iterable[AggregateKey]) -> set[AggregateKey]:
    """Which of these aggregates have a dead letter. Takes their locks, so a replay of them has ended before."""
    blocked = set()
    for topic, aggregate in sorted(aggregates):
        await connection.execute(LOCK_AGGREGATE, consumer, topic, str(aggregate))
        if await connection.fetchval(
            "SELECT true FROM dead_letter WHERE consumer = $1 AND topic = $2 AND aggregate = $3 LIMIT 1",
            consumer,
            topic,
            aggregate,
        ):
            blocked.add((topic, aggregate))
    return blocked


def encode_headers(headers: tuple[tuple[str, bytes | None], ...]) -> bytes:
    """Record headers as JSON bytes. Any byte survives, NUL too, which a database text cannot hold; and no value."""
    return json.dumps([[name, None if raw is None else raw.decode("latin-1")] for name, raw in headers]).encode()


def decode_headers(encoded: bytes) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((name, None if text is None else text.encode("latin-1")) for name, text in json.loads(encoded))
