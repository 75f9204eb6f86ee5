"""Events wait here, as final bytes, in the transaction that made them true.

Kept true: the caller locked and bumped the aggregate's row before `emit`, so the order of ids is the order of commits
per aggregate; (aggregate, version) is unique, so two writers of one version cannot both commit.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from wanderamt.contracts import Event, Head, heads

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


def insertion(outgoing: list[Outgoing], *, after: int = 0) -> tuple[str, list[Any]]:
    """One INSERT for all of them, with its arguments numbered from `after` + 1. Raises EventTooLarge."""
    rows = [_row(one) for one in outgoing]
    if len(rows) == 1:
        return _numbered(_ONE, after), list(rows[0])
    return _numbered(_MANY, after), [list(column) for column in zip(*rows, strict=True)]


@lru_cache
def _numbered(sql: str, after: int) -> str:
    return sql.format(*range(after + 1, after + 9))


def _row(one: Outgoing) -> tuple[Any, ...]:
    head = one.head
    value = one.event.model_dump_json().encode()
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{one.event.TYPE} has {len(value)} bytes, the bound is {MAX_EVENT_BYTES}")
    told = heads(head)
    key = told["ce_partitionkey"].encode()
    shard = shard_of(head.subject)
    return head.id, shard, one.event.TOPIC, head.subject, head.sequence, key, value, to_json(told)


_COLUMNS = "event_id, shard, topic, aggregate, version, key, value, headers"
_ONE = f"INSERT INTO outbox ({_COLUMNS}) VALUES (${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}}, ${{}})"  # noqa: S608
_MANY = f"""
    INSERT INTO outbox ({_COLUMNS})
    SELECT {_COLUMNS}
    FROM unnest(${{}}::uuid[], ${{}}::smallint[], ${{}}::text[], ${{}}::uuid[], ${{}}::int[], ${{}}::bytea[],
                ${{}}::bytea[], ${{}}::bytea[])
         WITH ORDINALITY AS o({_COLUMNS}, place)
    ORDER BY place
"""  # noqa: S608 -- names of ours
