"""Events wait here in the transaction that made them true, as final bytes with what their head is made of.

Kept true: the caller locked and bumped the aggregate's row before `emit`, so the order of ids is the order of commits
per aggregate; (aggregate, version) is unique, so two writers of one version cannot both commit. The writer, who has a
citizen waiting, does as little as possible: the event's id comes from the database, record headers from the relay.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from wanderamt.contracts import Event, Head

SHARDS = 16
MAX_EVENT_BYTES = 1024 * 1024
CHANNEL = "wanderamt_outbox"


Row = tuple[int, str, UUID, int, bytes, datetime, str]


class EventTooLarge(Exception):
    """An event above MAX_EVENT_BYTES: refused where it is made, so that the relay never meets one it cannot send."""


def shard_of(aggregate: UUID) -> int:
    return zlib.crc32(aggregate.bytes) % SHARDS


def row_of(event: Event, version: int, time: datetime, traceparent: str) -> Row:
    """The event as it will stand in the outbox. Raises EventTooLarge."""
    value = to_json(event)
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{event.TYPE} has {len(value)} bytes, the bound is {MAX_EVENT_BYTES}")
    subject = event.aggregate
    return shard_of(subject), event.TYPE, subject, version, value, time, traceparent


def insertion(rows: list[Row]) -> tuple[str, Sequence[Any]]:
    """One INSERT for all of them, with its arguments."""
    return (_ONE, rows[0]) if len(rows) == 1 else (_MANY, _columns(rows))


Statement = tuple[str, Sequence[Any]]


def insertion_with(sql: str, args: Sequence[Any], rows: list[Row]) -> Statement:
    """The same in one statement with `sql`, a writing statement whose arguments are `args`. The hot path."""
    if len(rows) == 1:
        return _joined_two(sql, len(args), _ONE), (*args, *rows[0])
    return _joined_two(sql, len(args), _MANY), (*args, *_columns(rows))


def together(writes: Sequence[Statement], rows: list[Row]) -> Statement:
    """One statement that does several writing statements, and inserts the rows if there are any.

    What one of them writes the others do not see: that is how PostgreSQL runs the parts of a WITH.
    """
    all_of = [*writes, insertion(rows)] if rows else writes
    sql = _joined(tuple(sql for sql, _ in all_of), tuple(len(args) for _, args in all_of))
    return sql, [arg for _, args in all_of for arg in args]


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


def _columns(rows: list[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


@lru_cache
def _joined_two(sql: str, places: int, telling: str) -> str:
    return _joined((sql, telling), (places, 0))


@lru_cache
def _joined(statements: tuple[str, ...], places: tuple[int, ...]) -> str:
    """Made once for each combination: the database driver knows it again by its text."""
    moved, taken = [], 0
    for sql, count in zip(statements, places, strict=True):
        moved.append(_PLACE.sub(lambda place, by=taken: f"${int(place[1]) + by}", sql))  # type: ignore[misc]
        taken += count
    parts = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(moved[:-1]))
    return f"WITH {parts} {moved[-1]}" if parts else moved[-1]


_PLACE = re.compile(r"\$(\d+)")
_COLUMNS = "shard, type, aggregate, version, value, emitted_at, traceparent"
_ONE = f"INSERT INTO outbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608
_MANY = f"""
    INSERT INTO outbox ({_COLUMNS})
    SELECT {_COLUMNS}
    FROM unnest($1::smallint[], $2::text[], $3::uuid[], $4::int[], $5::bytea[], $6::timestamptz[], $7::text[])
         WITH ORDINALITY AS o({_COLUMNS}, place)
    ORDER BY place
"""  # noqa: S608 -- names of ours
