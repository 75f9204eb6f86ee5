"""The outbox: events are stored in the transaction that makes them true, as final bytes plus the parts of their header.

Invariants: the caller has locked the aggregate's row and increased its version before `emit`, so the order of ids is
the order of commits per aggregate; (topic, aggregate, version) is unique, so two writers of one version cannot both
commit. The writer, for whom a citizen waits, does as little as possible: the database generates the event id, the
relay the record headers.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from wanderamt.contracts import Event, EventHeader
from wanderamt.kernel.json_text import to_json, to_json_rows

SHARDS = 16
MAX_EVENT_BYTES = 1024 * 1024
CHANNEL = "wanderamt_outbox"


OutboxRow = tuple[int, str, UUID, int, bytes, datetime, str]
"""The columns of _COLUMNS. All rows of a statement have one time: that of their transaction."""
Statement = tuple[str, Sequence[Any]]
"""(SQL, its arguments)."""


class EventTooLargeError(Exception):
    """An event above MAX_EVENT_BYTES. Raised where it is emitted, so that the relay never finds an event it cannot
    send."""


def shard_of(aggregate: UUID) -> int:
    return zlib.crc32(aggregate.bytes) % SHARDS


def to_row(event: Event, version: int, time: datetime, traceparent: str) -> OutboxRow:
    """Raises EventTooLargeError."""
    value = to_json(event)
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLargeError(f"{event.TYPE} has {len(value)} bytes, the limit is {MAX_EVENT_BYTES}")
    subject = event.aggregate
    return shard_of(subject), event.TYPE, subject, version, value, time, traceparent


def insert_statement(rows: list[OutboxRow]) -> Statement:
    """One INSERT for all rows."""
    return (_INSERT_ONE, rows[0]) if len(rows) == 1 else (_INSERT_MANY, _columns(rows))


def insert_with_statement(sql: str, args: Sequence[Any], rows: list[OutboxRow]) -> Statement:
    """Combines the writing statement `sql` with the INSERT of the rows into one statement. The hot path."""
    if len(rows) == 1:
        return _combine_two(sql, len(args), _INSERT_ONE), (*args, *rows[0])
    return _combine_two(sql, len(args), _INSERT_MANY), (*args, *_columns(rows))


def combine_statements(writes: Sequence[Statement], rows: list[OutboxRow]) -> Statement:
    """Combines several writing statements, and the INSERT of the rows if there are any, into one statement.

    None of them sees what another one writes: PostgreSQL runs the parts of a WITH on one snapshot.
    """
    statements = [*writes, insert_statement(rows)] if rows else writes
    sql = _combine(tuple(sql for sql, _ in statements), tuple(len(args) for _, args in statements))
    return sql, [arg for _, args in statements for arg in args]


def header_of_row(row: Mapping[str, Any], *, source: str, authority: str = "") -> EventHeader:
    return EventHeader(
        id=row["event_id"],
        type=row["type"],
        source=source,
        subject=row["aggregate"],
        time=row["emitted_at"],
        sequence=row["version"],
        trace={"traceparent": row["traceparent"]} if row["traceparent"] else {},
        authority=authority,
    )


def _columns(rows: list[OutboxRow]) -> list[Any]:
    """The rows as JSON beside their values in one string of bytes: the driver encodes arrays slowly."""
    described, values, start = [], [], 1
    for shard, type_, aggregate, version, value, _, traceparent in rows:
        row = {"shard": shard, "type": type_, "aggregate": aggregate, "version": version, "traceparent": traceparent}
        described.append(row | {"start": start, "bytes": len(value)})
        values.append(value)
        start += len(value)
    return [to_json_rows(described), b"".join(values), rows[0][_TIME]]


@lru_cache
def _combine_two(sql: str, parameters: int, insert: str) -> str:
    return _combine((sql, insert), (parameters, 0))


@lru_cache
def _combine(statements: tuple[str, ...], parameters: tuple[int, ...]) -> str:
    """Renumbers the parameters. Cached: the database driver recognises a prepared statement by its text."""
    renumbered, used = [], 0
    for sql, count in zip(statements, parameters, strict=True):
        renumbered.append(_PARAMETER.sub(lambda match, by=used: f"${int(match[1]) + by}", sql))  # type: ignore[misc]
        used += count
    parts = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(renumbered[:-1]))
    return f"WITH {parts} {renumbered[-1]}" if parts else renumbered[-1]


_PARAMETER = re.compile(r"\$(\d+)")
_TIME = 5
_COLUMNS = "shard, type, aggregate, version, value, emitted_at, traceparent"
_INSERT_ONE = f"INSERT INTO outbox ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"  # noqa: S608
_INSERT_MANY = f"""
    INSERT INTO outbox ({_COLUMNS})
    SELECT shard, type, aggregate, version, substring($2::bytea FROM start FOR bytes), $3::timestamptz, traceparent
    FROM json_to_recordset($1::text::json)
         AS o(shard smallint, type text, aggregate uuid, version int, traceparent text, start int, bytes int)
    ORDER BY start
"""  # noqa: S608 -- fixed column names
