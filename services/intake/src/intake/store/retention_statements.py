"""Hand-written statements that close and delete cases: the one place that changes or removes what is history.

Invariants: what is deleted is gone from every table, also from copies of entries and conflicts; receipts and numbers
stay, because tills and number series must add up, and so does the place of a document in the status list. They name
nobody.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.refusals import CASE_DELETED, CASE_ENDED
from intake.store.case_statements import CaseRecord, record_of_row
from intake.store.forms import decrypt_form, encrypt_changed, parse_form


@dataclass(frozen=True, slots=True)
class ExpiredCase:
    """A closed case, locked. `event_version`: number of its published events."""

    case_id: UUID
    service: str
    event_version: int


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """How many cases of a service were deleted on a day. `retention`: of their edition."""

    day: date
    service: str
    retention: str
    cases: int


async def lock_cases_to_close(
    uow: UnitOfWork, cipher: FieldCipher, *, before: datetime, limit: int
) -> list[CaseRecord]:
    """Cases that ended before, and in which nothing is open: no obligation, no command to undo, no money owed back, no
    document still to be rendered. Skips locked ones."""
    await uow.flush()
    rows = await uow.db.fetch(f"SELECT * {_TO_CLOSE} ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED", before, limit)
    return [record_of_row(row, cipher) for row in rows]


async def count_cases_to_close(uow: UnitOfWork, *, before: datetime) -> int:
    count: int = await uow.db.fetchval(f"SELECT count(*) {_TO_CLOSE}", before)
    return count


async def forget_answers(
    uow: UnitOfWork,
    case_id: CaseId,
    *,
    fields: Collection[str],
    attachments: Collection[UUID],
    cipher: FieldCipher,
) -> None:
    """Of a locked case that is being closed. Copies of its entries go as a whole; entries that still wait are refused,
    because the case has ended."""
    if fields:
        await _forget_fields(uow, case_id, frozenset(fields), cipher)
        await _refuse_held(uow, [case_id], CASE_ENDED)
        await uow.db.execute("UPDATE entry SET raw = NULL WHERE case_id = $1", case_id)
        await uow.db.execute(
            "DELETE FROM conflict WHERE case_id = $1 AND name = ANY($2::text[])", case_id, list(fields)
        )
        await uow.db.execute("DELETE FROM refused_entry WHERE case_id = $1", case_id)
    await uow.db.execute(
        "DELETE FROM attachment_piece WHERE attachment_id IN "
        "(SELECT attachment_id FROM attachment WHERE case_id = $1 AND attachment_id = ANY($2::uuid[]))",
        case_id,
        list(attachments),
    )
    await uow.db.execute(
        "DELETE FROM attachment WHERE case_id = $1 AND attachment_id = ANY($2::uuid[])", case_id, list(attachments)
    )


async def lock_expired_cases(
    uow: UnitOfWork, editions: Sequence[str], *, closed_before: datetime, limit: int
) -> list[ExpiredCase]:
    rows = await uow.db.fetch(
        f"SELECT case_id, service, event_version {_EXPIRED} ORDER BY ended_at LIMIT $3 FOR UPDATE SKIP LOCKED",
        editions,
        closed_before,
        limit,
    )
    return [value_of(ExpiredCase, row) for row in rows]


async def count_expired_cases(uow: UnitOfWork, editions: Sequence[str], *, closed_before: datetime) -> dict[str, int]:
    """By service."""
    rows = await uow.db.fetch(
        f"SELECT service, count(*) AS cases {_EXPIRED} GROUP BY service ORDER BY service", editions, closed_before
    )
    return {row["service"]: row["cases"] for row in rows}


async def count_closed_cases(uow: UnitOfWork) -> list[tuple[str, int, datetime]]:
    """(edition, number of closed cases that still exist, when the oldest of them was closed)."""
    rows = await uow.db.fetch(
        "SELECT edition, count(*) AS cases, min(ended_at) AS oldest FROM case_file WHERE state = 'closed' "
        "GROUP BY edition ORDER BY edition"
    )
    return [(row["edition"], row["cases"], row["oldest"]) for row in rows]


async def delete_cases(uow: UnitOfWork, case_ids: Sequence[UUID]) -> None:
    """Of locked cases. Entries stay as places in the sequences of their devices, without any content."""
    subjects = await uow.db.fetchval(_SUBJECTS, case_ids)
    await uow.db.execute(
        "UPDATE audit_record SET reason = '' WHERE subject_id = ANY($1::text[]) AND subject_id <> '' AND reason <> ''",
        subjects,
    )
    await uow.db.execute(
        "DELETE FROM attachment_piece WHERE attachment_id IN "
        "(SELECT attachment_id FROM attachment WHERE case_id = ANY($1::uuid[]))",
        case_ids,
    )
    await uow.db.execute(
        "UPDATE document SET pdf = NULL, sha256 = NULL, problem = NULL, problem_owner = NULL "
        "WHERE case_id = ANY($1::uuid[])",
        case_ids,
    )
    await _refuse_held(uow, case_ids, CASE_DELETED)
    await uow.db.execute(
        "UPDATE entry SET raw = NULL, payload_hash = ''::bytea, hint = CASE WHEN code IS NOT NULL THEN $2::text END "
        "WHERE case_id = ANY($1::uuid[])",
        case_ids,
        CASE_DELETED.hint,
    )
    for table in OF_A_CASE:
        await uow.db.execute(f"DELETE FROM {table} WHERE case_id = ANY($1::uuid[])", case_ids)  # noqa: S608


async def delete_refused_entries(uow: UnitOfWork, *, before: datetime, limit: int) -> int:
    """Entries that nobody could read, most of which name no case."""
    rows = await uow.db.fetch(
        """
        DELETE FROM refused_entry WHERE id IN (
            SELECT id FROM refused_entry WHERE received_at < $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING 1
        """,
        before,
        limit,
    )
    return len(rows)


async def add_to_run(uow: UnitOfWork, runs: Iterable[RetentionRun]) -> None:
    await uow.db.executemany(
        """
        INSERT INTO retention_run (day, service, retention, cases) VALUES ($1, $2, $3, $4)
        ON CONFLICT (day, service, retention) DO UPDATE SET cases = retention_run.cases + excluded.cases
        """,
        [(run.day, run.service, run.retention, run.cases) for run in sorted(runs, key=lambda run: run.service)],
    )


async def retention_runs(uow: UnitOfWork, *, limit: int) -> list[RetentionRun]:
    """The newest first."""
    rows = await uow.db.fetch("SELECT * FROM retention_run ORDER BY day DESC, service, retention LIMIT $1", limit)
    return [value_of(RetentionRun, row) for row in rows]


async def deleted_cases(uow: UnitOfWork, case_ids: Collection[UUID]) -> set[CaseId]:
    """Those of these cases that were deleted, as the places of their entries show."""
    rows = await uow.db.fetch(
        "SELECT DISTINCT case_id FROM entry WHERE case_id = ANY($1::uuid[]) AND payload_hash = ''::bytea",
        list(case_ids),
    )
    return {CaseId(row["case_id"]) for row in rows}


async def _forget_fields(uow: UnitOfWork, case_id: CaseId, names: frozenset[str], cipher: FieldCipher) -> None:
    """In all rows of the history, which are encrypted again without these fields."""
    rows = await uow.db.fetch("SELECT version, content FROM case_history WHERE case_id = $1", case_id)
    for row in rows:
        content = json.loads(row["content"])
        if not content["fields"]:
            continue
        sealed = parse_form(content["fields"])
        form = decrypt_form(sealed, cipher)
        if names.isdisjoint(form):
            continue
        left = {name: value for name, value in form.items() if name not in names}
        kept = encrypt_changed(sealed, left, names, case_id=case_id, cipher=cipher)
        parts = {part: getattr(kept, part) for part in content["fields"]}
        content["fields"] = {part: value.model_dump(mode="json") for part, value in parts.items() if value}
        await uow.db.execute(
            "UPDATE case_history SET content = $3::text::json WHERE case_id = $1 AND version = $2",
            case_id,
            row["version"],
            json.dumps(content),
        )


async def _refuse_held(uow: UnitOfWork, case_ids: Sequence[UUID], refusal: Refusal) -> None:
    await uow.db.execute(
        "UPDATE entry SET status = 'refused', code = $2, hint = $3, refusal_kind = $4 "
        "WHERE case_id = ANY($1::uuid[]) AND status = 'held'",
        case_ids,
        refusal.code,
        refusal.hint,
        refusal.kind,
    )


OF_A_CASE = (
    "attachment",
    "conflict",
    "case_stand",
    "due_date",
    "refused_entry",
    "case_history",
    "case_file",
)
_TO_CLOSE = """
    FROM case_file c WHERE state IN ('final', 'compensated', 'withdrawn') AND ended_at <= $1 AND deadline IS NULL
      AND NOT EXISTS (SELECT 1 FROM due_date d
                      WHERE d.case_id = c.case_id AND d.kind = 'obligation' AND d.met_at IS NULL)
      AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.case_id = c.case_id AND r.receipt IS NULL)
      AND NOT EXISTS (SELECT 1 FROM document p
                      WHERE p.case_id = c.case_id AND p.issued_at IS NULL AND p.revoked_at IS NULL
                        AND NOT p.second_copy)
"""
_EXPIRED = "FROM case_file WHERE state = 'closed' AND edition = ANY($1::text[]) AND ended_at <= $2"
_SUBJECTS = """
    SELECT coalesce(array_agg(id::text), '{}') FROM (
        SELECT unnest($1::uuid[]) AS id
        UNION ALL SELECT document_id FROM document WHERE case_id = ANY($1::uuid[])
        UNION ALL SELECT attachment_id FROM attachment WHERE case_id = ANY($1::uuid[])
        UNION ALL SELECT conflict_id FROM conflict WHERE case_id = ANY($1::uuid[])
        UNION ALL SELECT refund_id FROM refund WHERE case_id = ANY($1::uuid[])) AS subject
"""
