"""Events wait here in the transaction that made them true, as final bytes with what their head is made of.

Kept true: the caller locked and bumped the aggregate's row before `emit`, so the order of ids is the order of commits
per aggregate; (aggregate, version) is unique, so two writers of one version cannot both commit. The writer, who has a
citizen waiting, does as little as possible: record headers are made by the relay.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from wanderamt.contracts import Event, Head

SHARDS = 16
MAX_EVENT_BYTES = 1024 * 1024
CHANNEL = "wanderamt_outbox"


class EventTooLarge(Exception):
    """An event above MAX_EVENT_BYTES: refused where it is made, so that the relay never meets one it cannot send."""


@dataclass(slots=True)
class Outgoing:
    id: UUID
    event: Event
    version: int
    time: datetime
    traceparent: str


def shard_of(aggregate: UUID) -> int:
    return zlib.crc32(aggregate.bytes) % SHARDS


def insertion(outgoing: list[Outgoing], *, after: int = 0) -> tuple[str, list[Any]]:
    """One INSERT for all of them, with its arguments numbered from `after` + 1. Raises EventTooLarge."""
    if len(outgoing) == 1:
        return _numbered(_ONE, after), list(_row(outgoing[0]))
    columns = zip(*map(_row, outgoing), strict=True)
    return _numbered(_MANY, after), [list(column) for column in columns]


def head_of(row: Mapping[str, Any], *, source: str) -> Head:
    """The head of a row of the outbox."""
    return Head(
        id=row["event_id"],
        type=row["type"],
        source=source,
        subject=row["aggregate"],
        time=row["emitted_at"],
        sequence=row["version"],
        trace={"traceparent": row["traceparent"]} if row["traceparent"] else {},
    )


def _row(one: Outgoing) -> tuple[Any, ...]:
    event = one.event
    value = event.model_dump_json().encode()
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{event.TYPE} has {len(value)} bytes, the bound is {MAX_EVENT_BYTES}")
    subject = event.aggregate
    return one.id, shard_of(subject), event.TYPE, subject, one.version, value, one.time, one.traceparent


@lru_cache
def _numbered(sql: str, after: int) -> str:
    return sql.format(*range(after + 1, after + 9))


_COLUMNS = "event_id, shard, type, aggregate, version, value, emitted_at, traceparent"
_ONE = f"INSERT INTO outbox ({_COLUMNS}) VALUES (${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}})"  # noqa: S608
_MANY = f"""
    INSERT INTO outbox ({_COLUMNS})
    SELECT {_COLUMNS}
    FROM unnest(${{}}::uuid[], ${{}}::smallint[], ${{}}::text[], ${{}}::uuid[], ${{}}::int[], ${{}}::bytea[],
                ${{}}::timestamptz[], ${{}}::text[])
         WITH ORDINALITY AS o({_COLUMNS}, place)
    ORDER BY place
"""  # noqa: S608 -- names of ours
