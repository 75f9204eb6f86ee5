"""Hand-written statements of due dates: a sync writes those of its cases, a periodic task looks for what is due.

Invariants: the rows of a case are what its file holds; who changes them has locked the file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.json_text import to_json_rows
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.case.state import Case
from intake.store.case_statements import CaseRecord, record_of_row

KEY = ("case_id", "kind", "code")


@dataclass(frozen=True, slots=True)
class UnmetObligation:
    """An obligation that is open or was missed, and the case to which it belongs. `owner`: of the case."""

    case_id: UUID
    service: str
    edition: str
    stand_id: UUID
    number: str | None
    code: str
    due_at: datetime
    reminded_at: datetime | None
    missed_at: datetime | None
    owner: str
    deadline: datetime | None


class PlaceInList(NamedTuple):
    """Of an obligation in the list of all: behind it the next page begins."""

    due_at: datetime
    case_id: UUID
    code: str


def save_due_dates(cases: Sequence[Case]) -> list[Statement]:
    """Statements for `save_cases(also=...)`. The second one writes no row that the first one deletes."""
    rows = [due._asdict() | {"case_id": case.id} for case in cases for due in case.due_dates]
    kept = to_json_rows({name: row[name] for name in KEY} for row in rows)
    return [(_DROP_OTHERS, ([case.id for case in cases], kept)), (_UPSERT, (to_json_rows(rows),))]


async def lock_cases_with_due_dates(uow: UnitOfWork, cipher: FieldCipher, *, limit: int) -> list[CaseRecord]:
    """Cases with an obligation of which it is time to remind, or that was missed. Skips locked ones; the next run finds
    them."""
    await uow.flush()
    rows = await uow.db.fetch(
        """
        SELECT * FROM case_file WHERE case_id IN (
            (SELECT case_id FROM due_date
             WHERE remind_at <= $1 AND reminded_at IS NULL AND met_at IS NULL AND missed_at IS NULL
             ORDER BY remind_at LIMIT $2)
            UNION
            (SELECT case_id FROM due_date WHERE due_at <= $1 AND met_at IS NULL AND missed_at IS NULL
             ORDER BY due_at LIMIT $2))
        ORDER BY case_id LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        uow.now,
        limit,
    )
    return [record_of_row(row, cipher) for row in rows]


async def unmet_obligations(
    uow: UnitOfWork, cipher: FieldCipher, *, missed: bool | None, after: PlaceInList | None, limit: int
) -> list[UnmetObligation]:
    """Those that are due first come first. `missed`: only those that were, or were not yet; None: both."""
    rows = await uow.db.fetch(
        f"""
        SELECT d.*, c.service, c.edition, c.stand_id, c.number, c.owner, c.deadline, c.assignment
        FROM due_date d JOIN case_file c USING (case_id)
        WHERE d.kind = 'obligation' AND d.met_at IS NULL
          AND ($1::boolean IS NULL OR (d.missed_at IS NOT NULL) = $1)
          {"AND (d.due_at, d.case_id, d.code) > ($3, $4, $5)" if after else ""}
        ORDER BY d.due_at, d.case_id, d.code LIMIT $2
        """,  # noqa: S608 -- two fixed texts
        missed,
        limit,
        *(after or ()),
    )
    return [value_of(UnmetObligation, dict(row) | {"owner": _owner(row, cipher)}) for row in rows]


def _owner(row: Mapping[str, Any], cipher: FieldCipher) -> str:
    if not row["assignment"]:
        return str(row["owner"])
    return str(json.loads(cipher.open(Sealed.model_validate_json(row["assignment"])))["owner"])


_UPSERT = """
    INSERT INTO due_date (case_id, kind, code, due_at, remind_at, reminded_at, met_at, missed_at)
    SELECT case_id, kind, code, due_at, remind_at, reminded_at, met_at, missed_at
    FROM json_populate_recordset(NULL::due_date, $1::text::json)
    ON CONFLICT (case_id, kind, code) DO UPDATE
    SET due_at = excluded.due_at, remind_at = excluded.remind_at, reminded_at = excluded.reminded_at,
        met_at = excluded.met_at, missed_at = excluded.missed_at
"""
_DROP_OTHERS = """
    DELETE FROM due_date WHERE case_id = ANY($1::uuid[]) AND (case_id, kind, code) NOT IN (
        SELECT case_id, kind, code FROM json_populate_recordset(NULL::due_date, $2::text::json))
"""
