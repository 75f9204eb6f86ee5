"""Reads case files: one, those of a stand or of a person, and those whose deadline has passed."""

from sqlmodel import col, literal, or_, select, tuple_
from sqlmodel.sql.expression import SelectOfScalar
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, StandId
from wanderamt.security.bpk import Bpk
from wanderamt.security.keys import FieldCipher

from intake.store.case_statements import CaseRecord, record_of_row
from intake.store.due_date_statements import PlaceInList
from intake.tables import CaseRow, CaseStandRow

_NEWEST = select(CaseRow).order_by(col(CaseRow.opened_at).desc())


async def find_case(uow: UnitOfWork, case_id: CaseId, cipher: FieldCipher) -> CaseRecord | None:
    records = await _records(uow, select(CaseRow).where(CaseRow.case_id == case_id), cipher)
    return records[0] if records else None


async def cases_of_stand(uow: UnitOfWork, stand_id: StandId, cipher: FieldCipher, *, limit: int) -> list[CaseRecord]:
    taken = select(CaseStandRow.case_id).where(CaseStandRow.stand_id == stand_id)
    at_stand = or_(CaseRow.stand_id == stand_id, col(CaseRow.case_id).in_(taken))
    return await _records(uow, _NEWEST.where(at_stand).limit(limit), cipher)


async def cases_of_person(
    uow: UnitOfWork, bpk: Bpk, cipher: FieldCipher, *, limit: int, stand_id: StandId | None
) -> list[CaseRecord]:
    """`stand_id`: only the cases of this stand."""
    of_person = _NEWEST.where(CaseRow.bpk == bpk)
    if stand_id:
        taken = select(CaseStandRow.case_id).where(CaseStandRow.stand_id == stand_id)
        of_person = of_person.where(or_(CaseRow.stand_id == stand_id, col(CaseRow.case_id).in_(taken)))
    return await _records(uow, of_person.limit(limit), cipher)


async def lock_overdue_cases(uow: UnitOfWork, cipher: FieldCipher, *, limit: int) -> list[CaseRecord]:
    """Cases with a passed deadline. Skips locked ones; the next run finds them."""
    overdue = select(CaseRow).where(col(CaseRow.deadline) <= uow.now).order_by(col(CaseRow.deadline)).limit(limit)
    return await _records(uow, overdue.with_for_update(skip_locked=True), cipher)


async def waiting_cases(
    uow: UnitOfWork, cipher: FieldCipher, *, after: PlaceInList | None, limit: int
) -> list[CaseRecord]:
    """Cases with a deadline, the earliest first."""
    waiting = select(CaseRow).where(col(CaseRow.deadline).is_not(None))
    if after:
        place = tuple_(literal(after.due_at), literal(after.case_id))
        waiting = waiting.where(tuple_(col(CaseRow.deadline), col(CaseRow.case_id)) > place)
    return await _records(uow, waiting.order_by(col(CaseRow.deadline), col(CaseRow.case_id)).limit(limit), cipher)


async def _records(uow: UnitOfWork, query: SelectOfScalar[CaseRow], cipher: FieldCipher) -> list[CaseRecord]:
    await uow.flush()  # what this transaction has changed
    return [record_of_row(vars(row), cipher) for row in await uow.session.exec(query)]
