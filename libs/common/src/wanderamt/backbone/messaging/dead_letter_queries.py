"""Reads the table `dead_letter` for operators: groups by cause, pages of rows. Never the content of an event or job."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.messaging.dead_letter import DeadLetterKind, DeadLetterState
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects the dead letters of a consumer that match all fields. `cutoff`: stored before."""

    cutoff: datetime | None = None
    fingerprint: str | None = None
    aggregate: UUID | None = None
    id: int | None = None

    def as_details(self) -> dict[str, Any]:
        return {name: str(value) for name, value in asdict(self).items() if value}

    def as_args(self) -> tuple[object, ...]:
        """$2 to $5 of the condition SELECTED."""
        return self.cutoff, self.fingerprint, self.aggregate, self.id


SELECTED = """
    consumer = $1 AND ($2::timestamptz IS NULL OR stored_at < $2) AND ($3::text IS NULL OR fingerprint = $3)
    AND ($4::uuid IS NULL OR aggregate = $4) AND ($5::bigint IS NULL OR id = $5)
"""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Rows that failed at the same place for the same reason. `not_stored`: rejected records beyond the rows that are
    kept."""

    fingerprint: str
    state: str
    kind: str
    type: str
    reason: str
    rows: int
    aggregates: int
    since: datetime
    not_stored: int


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """`type`: of the event, or the queue of the job. `fingerprint`: the same for all that failed at the same place for
    the same reason. `subject`: the aggregate of an event, or the ids in the body of a job. `origin`: where an event
    came from. `not_stored`: on the oldest row of a reason, how many more rejected records were counted only."""

    id: int
    kind: DeadLetterKind
    state: DeadLetterState
    type: str
    reason: str
    fingerprint: str
    attempts: int
    not_stored: int
    stored_at: datetime
    consumer: str
    aggregate: UUID | None
    job_id: UUID | None
    subject: str
    origin: str
    bytes: int | None


async def list_groups(uow: UnitOfWork) -> list[FailureGroup]:
    """Of all consumers, the largest first."""
    rows = await uow.db.fetch(
        """
        SELECT fingerprint, state, kind, type, min(reason) AS reason, count(*) AS rows,
               count(DISTINCT topic || aggregate) AS aggregates, min(stored_at) AS since,
               sum(not_stored)::bigint AS not_stored
        FROM dead_letter GROUP BY fingerprint, state, kind, type ORDER BY rows DESC, fingerprint
        """
    )
    return [FailureGroup(**dict(row)) for row in rows]


async def list_rows(
    uow: UnitOfWork,
    *,
    limit: int,
    after: int = 0,
    kind: DeadLetterKind | None = None,
    state: DeadLetterState | None = None,
    fingerprint: str | None = None,
) -> list[DeadLetterRow]:
    """Oldest first, above the id `after`."""
    rows = await uow.db.fetch(
        f"""
        {_SELECT_ROWS} WHERE d.id > $1 AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR state = $3)
          AND ($4::text IS NULL OR fingerprint = $4)
        ORDER BY d.id LIMIT $5
        """,
        after,
        kind,
        state,
        fingerprint,
        limit,
    )
    return [_to_row(row) for row in rows]


async def find_row(uow: UnitOfWork, id_: int) -> DeadLetterRow | None:
    row = await uow.db.fetchrow(f"{_SELECT_ROWS} WHERE d.id = $1", id_)
    return _to_row(row) if row else None


async def count_selected(uow: UnitOfWork, consumer: str, selected: DeadLetterFilter) -> tuple[int, int]:
    """(rows, aggregates) that a replay would take. It takes aggregates whole: later rows wait behind the first one."""
    row = await uow.db.fetchrow(
        f"""
        SELECT count(*) AS rows, count(DISTINCT coalesce(topic || aggregate, 'row ' || id)) AS aggregates
        FROM dead_letter WHERE consumer = $1 AND ($2::timestamptz IS NULL OR stored_at < $2) AND (
            ({SELECTED}) OR (topic, aggregate) IN (SELECT topic, aggregate FROM dead_letter WHERE {SELECTED}))
        """,  # noqa: S608 -- a fixed text
        consumer,
        *selected.as_args(),
    )
    return row["rows"], row["aggregates"]


def _to_row(row: Any) -> DeadLetterRow:
    return DeadLetterRow(**{**dict(row), "kind": DeadLetterKind(row["kind"]), "state": DeadLetterState(row["state"])})


_SELECT_ROWS = """
    SELECT d.id, kind, state, d.type, reason, fingerprint, d.attempts, not_stored, stored_at, consumer, aggregate,
           job_id, coalesce(aggregate::text, (
               SELECT string_agg(field.key || ' ' || field.value, ', ' ORDER BY field.key)
               FROM jsonb_each_text(job.body) AS field WHERE field.key LIKE '%\\_id'), '') AS subject,
           coalesce(topic || '/' || partition || '@' || "offset", '') AS origin, length(value) AS bytes
    FROM dead_letter d LEFT JOIN job ON job.id = d.job_id
"""
