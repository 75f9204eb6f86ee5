"""Audit records: who did or tried what, about what, why, when, and whether it was allowed.

Invariants: rows are only ever added; of a case that is deleted, the written reasons go with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.line_text import as_line

ALLOWED: Final = "allowed"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """`who`: the officer's account, empty for a caller who is not known. `subject_id`: of the resource, or empty.

    `outcome`: "allowed" or the code of the refusal. `reason`: as the officer wrote it. `times`: equal ones within a
    short time are one record. `details`: ids and codes, never names of citizens.
    """

    who: str
    action: str
    subject_id: str = ""
    outcome: str = ALLOWED
    reason: str = ""
    device_id: UUID | None = None
    stand_id: UUID | None = None
    times: int = 1
    details: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class StoredAuditRecord:
    """As auditors read it: see AuditRecord."""

    id: int
    at: datetime
    who: str
    action: str
    subject_id: str
    outcome: str
    reason: str
    device_id: UUID | None
    stand_id: UUID | None
    times: int
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty texts and None: any."""

    who: str = ""
    action: str = ""
    outcome: str = ""
    subject_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def insert_records(records: Sequence[AuditRecord]) -> Statement:
    """Texts as lines: a refused request may name anything, and one that no column can hold must not keep out the
    records beside it."""
    return _INSERT, (
        [as_line(record.who) for record in records],
        [as_line(record.action) for record in records],
        [as_line(record.subject_id) for record in records],
        [record.outcome for record in records],
        [as_line(record.reason) for record in records],
        [record.device_id for record in records],
        [record.stand_id for record in records],
        [record.times for record in records],
        [record.details for record in records],
    )


async def record(uow: UnitOfWork, *records: AuditRecord) -> None:
    """Written in this transaction, with what they tell of."""
    sql, args = insert_records(records)
    await uow.db.execute(sql, *args)


async def find_records(uow: UnitOfWork, wanted: AuditFilter, *, before: int, limit: int) -> list[StoredAuditRecord]:
    """The newest first. `before`: the id of the oldest record of the page before."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM audit_record
        WHERE id < $1 AND ($2 = '' OR who = $2) AND ($3 = '' OR action = $3) AND ($4 = '' OR outcome = $4)
          AND ($5 = '' OR subject_id = $5) AND ($6::timestamptz IS NULL OR at >= $6)
          AND ($7::timestamptz IS NULL OR at < $7)
        ORDER BY id DESC LIMIT $8
        """,
        before,
        wanted.who,
        wanted.action,
        wanted.outcome,
        wanted.subject_id,
        wanted.since,
        wanted.until,
        limit,
    )
    return [StoredAuditRecord(**row) for row in rows]


_INSERT = """
    INSERT INTO audit_record (who, action, subject_id, outcome, reason, device_id, stand_id, times, details)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::uuid[],
                         $8::int[], $9::jsonb[])
"""


async def recorded_actions(uow: UnitOfWork) -> list[str]:
    """Reads all records: for an error message only."""
    rows = await uow.db.fetch("SELECT DISTINCT action FROM audit_record ORDER BY action")
    return [row["action"] for row in rows]
