"""Changes to cases that no device sends: answers of registers, decisions of the back office, overdue deadlines."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.ids import CaseId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.apply_entry import CaseAction, run_actions
from intake.domain.case.crew_actions import NewEvents
from intake.domain.case.state import Case, apply_all
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition
from intake.domain.documents import Document
from intake.domain.refusals import CONFLICT_DECIDED, NO_CASE, NO_CONFLICT
from intake.handlers.case_writer import CaseWriter, load_for_update, load_to_finish
from intake.store import attachments, cases, conflicts, documents
from intake.store.case_statements import CaseRecord
from intake.store.conflicts import StoredConflict

OVERDUE_BATCH_SIZE = 100
DEADLINE_WATCH = Actor("clock")


class Resolution(StrEnum):
    """Which of the two values of a conflict counts."""

    KEEP_CURRENT = "here"
    TAKE_INCOMING = "theirs"


async def record_register_answer(
    event: RegisterAnswered, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> None:
    writer = await load_to_finish(CaseId(event.case_id), uow, cipher=cipher, catalogue=catalogue)
    request_id, outcome = RequestId(event.request_id), event.outcome

    def record_answer(case: Case, _: Edition) -> NewEvents | Refusal:
        return back_office_actions.record_register_answer(case, request_id, outcome, now=uow.now)

    actor = Actor(f"register {event.register_name}")
    await _run_action(writer, CaseId(event.case_id), record_answer, catalogue, actor)


async def hand_over(
    case_id: CaseId,
    uow: UnitOfWork,
    *,
    to: str,
    reason: str,
    deadline: datetime,
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    def decide(case: Case) -> NewEvents | Refusal:
        return back_office_actions.hand_over(case, to=to, reason=reason, deadline=deadline)

    return await _decide(case_id, uow, decide, officer, cipher, catalogue)


async def take_to_stand(
    case_id: CaseId,
    uow: UnitOfWork,
    *,
    stand_id: StandId,
    reason: str,
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    """From now on the crew of this stand works on the case, too."""

    def decide(case: Case) -> NewEvents:
        return back_office_actions.take_to_stand(case, stand_id, reason=reason)

    return await _decide(case_id, uow, decide, officer, cipher, catalogue)


async def withdraw(
    case_id: CaseId, uow: UnitOfWork, *, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    return await _decide(case_id, uow, back_office_actions.withdraw, officer, cipher, catalogue)


async def close(
    case_id: CaseId, uow: UnitOfWork, *, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    return await _decide(case_id, uow, back_office_actions.close, officer, cipher, catalogue)


async def reopen(
    case_id: CaseId, uow: UnitOfWork, *, reason: str, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    def decide(case: Case) -> NewEvents | Refusal:
        return back_office_actions.reopen(case, by=officer, reason=reason, now=uow.now)

    return await _decide(case_id, uow, decide, officer, cipher, catalogue)


async def escalate_overdue_cases(uow: UnitOfWork, *, to: str, cipher: FieldCipher, catalogue: Catalogue) -> int:
    """Hands cases whose deadline has passed to `to`. Returns how many; call again until 0."""
    overdue = await cases.lock_overdue_cases(uow, cipher, limit=OVERDUE_BATCH_SIZE)
    writer = CaseWriter(uow, cipher, catalogue, {record.case.id: record for record in overdue})
    for record in overdue:
        new_events = back_office_actions.escalate_overdue(record.case, to=to, now=uow.now)
        writer.add(apply_all(record.case, new_events), new_events, DEADLINE_WATCH)
    await writer.flush()
    return len(overdue)


async def decide_conflict(
    conflict_id: UUID,
    uow: UnitOfWork,
    *,
    resolution: Resolution,
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> Refusal | None:
    conflict = await conflicts.lock_conflict(uow, conflict_id)
    if not conflict:
        return NO_CONFLICT
    if conflict.resolution:
        return CONFLICT_DECIDED
    if resolution is Resolution.TAKE_INCOMING:
        writer = await load_for_update([conflict.case_id], uow, cipher=cipher, catalogue=catalogue)
        incoming = read_conflict_values(conflict, cipher)["incoming"]

        def fill(case: Case, edition: Edition) -> NewEvents | Refusal:
            return crew_actions.fill(case, edition, crew_actions.parse_facts({conflict.name: incoming}, edition))

        if refusal := await _run_action(writer, conflict.case_id, fill, catalogue, Actor(officer)):
            return refusal
    await conflicts.decide_conflict(uow, conflict_id, officer=officer, resolution=resolution)
    return None


def read_conflict_values(conflict: StoredConflict, cipher: FieldCipher) -> dict[str, str | int | bool | None]:
    """The values `base`, `current` and `incoming`; dates as ISO text."""
    values: dict[str, str | int | bool | None] = json.loads(cipher.open(conflict.field_values))
    return values


async def show_case(
    case_id: CaseId, uow: UnitOfWork, *, cipher: FieldCipher
) -> tuple[CaseRecord, Document | None] | Refusal:
    record = await cases.find_case(uow, case_id, cipher)
    return (record, await documents.find_document_of_case(uow, case_id)) if record else NO_CASE


async def missing_scans(uow: UnitOfWork, records: Iterable[CaseRecord]) -> set[UUID]:
    """Scans of these cases that have not arrived, or not completely."""
    named = {(record.case.id, scan) for record in records for scan in record.case.attachments}
    return await attachments.missing_among(uow, named)


async def show_conflicts(stand_id: StandId, uow: UnitOfWork, *, limit: int) -> list[StoredConflict]:
    return await conflicts.open_conflicts(uow, stand_id, limit=limit)


async def _decide(
    case_id: CaseId,
    uow: UnitOfWork,
    decide: Callable[[Case], NewEvents | Refusal],
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    writer = await load_for_update([case_id], uow, cipher=cipher, catalogue=catalogue)
    if case_id not in writer.records:
        return NO_CASE
    refusal = await _run_action(writer, case_id, lambda case, _: decide(case), catalogue, Actor(officer))
    return refusal or writer.records[case_id]


async def _run_action(
    writer: CaseWriter, case_id: CaseId, action: CaseAction, catalogue: Catalogue, actor: Actor
) -> Refusal | None:
    """Runs one action on a locked case, and the automatic steps that follow. Does nothing without a case."""
    record = writer.records.get(case_id)
    if not record:
        return None
    pinned = catalogue.pinned_edition(record.case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    request_id = RequestId(writer.uow.new_id())
    applied = run_actions(record.case, pinned.edition, [action], request_id=request_id, now=writer.uow.now)
    if isinstance(applied, Refusal):
        return applied
    writer.add(applied.case, applied.new_events, actor)
    await writer.flush()
    return None
