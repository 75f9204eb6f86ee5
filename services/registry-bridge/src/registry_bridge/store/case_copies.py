"""Copies of cases: what a lookup is checked against."""

from datetime import datetime

from sqlmodel import col, delete, select
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.json_text import to_json_rows

from registry_bridge.domain.case_copy import CaseCopy, CaseCopyChanges
from registry_bridge.tables import CaseCopyRow


def write_changes(uow: UnitOfWork, effect: CaseCopyChanges) -> None:
    """With the next statement that writes: a batch of events costs no round trip of its own."""
    if effect.copies:
        ordered = sorted(effect.copies, key=lambda copy: copy.case_id)
        uow.write_later((_SAVE_COPIES, (to_json_rows(map(columns_of, ordered)),)))
    if effect.changes:
        by_id = sorted(effect.changes, key=lambda change: change.case_id)
        uow.write_later((_CHANGE_COPIES, (to_json_rows(map(columns_of, by_id)),)))
    if effect.dropped:
        uow.write_later(("DELETE FROM case_copy WHERE case_id = ANY($1::uuid[])", (sorted(effect.dropped),)))


async def find_case_copy(uow: UnitOfWork, case_id: CaseId) -> CaseCopy | None:
    row = (await uow.session.exec(select(CaseCopyRow).where(CaseCopyRow.case_id == case_id))).first()
    return value_of(CaseCopy, row) if row else None


async def delete_ended(uow: UnitOfWork, *, before: datetime, limit: int = 1_000) -> int:
    """Deletes copies of cases that ended before, the oldest first; returns how many."""
    ended_at = col(CaseCopyRow.ended_at)
    oldest = select(CaseCopyRow.case_id).where(ended_at <= before).order_by(ended_at).limit(limit)
    return (await uow.session.exec(delete(CaseCopyRow).where(col(CaseCopyRow.case_id).in_(oldest)))).rowcount


# A case that is reopened by a version of intake that sends neither queries nor applicant keeps those of its opening.
_SAVE_COPIES = """
    INSERT INTO case_copy AS c SELECT * FROM json_populate_recordset(NULL::case_copy, $1::json)
    ON CONFLICT (case_id) DO UPDATE SET
        service = excluded.service,
        stands = ARRAY(SELECT DISTINCT stand FROM unnest(c.stands || excluded.stands) AS stand ORDER BY stand),
        queries = CASE WHEN excluded.queries = '[]' THEN c.queries ELSE excluded.queries END,
        applicant_hash = CASE WHEN excluded.applicant_hash = '' THEN c.applicant_hash ELSE excluded.applicant_hash END,
        ended_at = excluded.ended_at
"""
_CHANGE_COPIES = """
    UPDATE case_copy c SET applicant_hash = coalesce(n.applicant_hash, c.applicant_hash),
                           ended_at = coalesce(n.ended_at, c.ended_at),
        stands = ARRAY(SELECT DISTINCT stand FROM unnest(
                     c.stands || ARRAY(SELECT json_array_elements_text(n.stands)::uuid)) AS stand ORDER BY stand)
    FROM json_to_recordset($1::json) AS n(case_id uuid, stands json, applicant_hash text, ended_at timestamptz)
    WHERE c.case_id = n.case_id
"""
