"""Events wait here, as final bytes, in the transaction that made them true.

Kept true: the caller locked and bumped the aggregate's row before `emit`, so the order of ids is the order of commits
per aggregate; (aggregate, version) is unique, so two writers of one version cannot both commit.
"""

import zlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wanderamt.contracts import Event, Head, encode

SHARDS = 16
MAX_EVENT_BYTES = 1024 * 1024
CHANNEL = "wanderamt_outbox"


class EventTooLarge(Exception):
    """An event above MAX_EVENT_BYTES: refused where it is made, so that the relay never meets one it cannot send."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    event: Event
    head: Head


def shard_of(aggregate: UUID) -> int:
    return zlib.crc32(aggregate.bytes) % SHARDS


async def insert(connection: Any, outgoing: list[Outgoing]) -> None:
    """One statement for all events of a transaction. Raises EventTooLarge."""
    rows = [(one, *encode(one.event, one.head)) for one in outgoing]
    for one, _, value, _ in rows:
        if len(value) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"{one.event.TYPE} has {len(value)} bytes, the bound is {MAX_EVENT_BYTES}")
    await connection.execute(
        """
        INSERT INTO outbox (event_id, shard, topic, aggregate, version, key, value, headers)
        SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::uuid[], $5::int[],
                             $6::bytea[], $7::bytea[], $8::jsonb[])
        """,
        [one.head.id for one, *_ in rows],
        [shard_of(one.head.subject) for one, *_ in rows],
        [one.event.TOPIC for one, *_ in rows],
        [one.head.subject for one, *_ in rows],
        [one.head.sequence for one, *_ in rows],
        [key for _, key, _, _ in rows],
        [value for _, _, value, _ in rows],
        [{name: raw.decode() for name, raw in headers} for _, _, _, headers in rows],
    )
