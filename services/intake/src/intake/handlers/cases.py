"""Changes to cases that no device sends: answers of registers, decisions of the back office, overdue deadlines."""

import json
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.ids import CaseId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case import back_office_actions, crew_actions
from intake.domain.case.crew_actions import parse_birth_date
from intake.domain.case.fold import apply_all
from intake.domain.case.process import Answer, CaseAction, NewEvents, record_answer
from intake.domain.case.state import Case
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition
from intake.domain.documents import Document
from intake.domain.entry import FillBody, form_of
from intake.domain.refusals import CONFLICT_DECIDED, NO_CASE, NO_CONFLICT
from intake.handlers.case_changes import CaseChanges, load_for_update, load_to_finish
from intake.handlers.retention import close_case
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
    event: RegisterAnswered, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue, operators: str
) -> None:
    """`operators`: who looks after what is a fault of ours."""
    case_id = CaseId(event.case_id)
    loaded = await load_to_finish(case_id, uow, cipher=cipher, catalogue=catalogue)
    details = json.loads(cipher.open(event.answer)) if event.answer else None
    answer = Answer(RequestId(event.request_id), event.outcome, event.code or "", details)

    def record(case: Case, edition: Edition) -> NewEvents:
        return record_answer(case, edition, answer, operators=operators, now=uow.now)

    loaded.run(case_id, record, Actor(f"register {event.register_name}"))
    await loaded.save()


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
    def decide(case: Case, _: Edition) -> NewEvents | Refusal:
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

    def decide(case: Case, _: Edition) -> NewEvents:
        return back_office_actions.take_to_stand(case, stand_id, reason=reason)

    return await _decide(case_id, uow, decide, officer, cipher, catalogue)


async def withdraw(
    case_id: CaseId, uow: UnitOfWork, *, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    return await _decide(case_id, uow, lambda case, _: back_office_actions.withdraw(case), officer, cipher, catalogue)


async def close(
    case_id: CaseId, uow: UnitOfWork, *, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    loaded = await load_for_update([case_id], uow, cipher=cipher, catalogue=catalogue)
    if case_id not in loaded.records:
        return NO_CASE
    if refusal := await close_case(loaded, case_id, Actor(officer)):
        return refusal
    await loaded.save()
    return loaded.records[case_id]


async def reopen(
    case_id: CaseId,
    uow: UnitOfWork,
    *,
    reason: str,
    correct: FillBody | None,
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    """`correct`: what was wrong; with the reopening, or not at all."""

    def decide(case: Case, edition: Edition) -> NewEvents | Refusal:
        reopened = back_office_actions.reopen(case, by=officer, reason=reason, now=uow.now)
        if not correct:
            return reopened
        fields = crew_actions.checked_form(form_of(correct), edition, catalogue)
        if isinstance(fields, Refusal):
            return fields
        return back_office_actions.reopen_and_act(
            case, reopened, lambda opened: crew_actions.fill(opened, edition, fields)
        )

    return await _decide(case_id, uow, decide, officer, cipher, catalogue)


async def ask_again(
    case_id: CaseId, uow: UnitOfWork, *, officer: str, cipher: FieldCipher, catalogue: Catalogue
) -> CaseRecord | Refusal:
    """Asks registers again that did not answer, refused, or could not be asked."""
    return await _decide(case_id, uow, lambda case, _: crew_actions.ask_again(case), officer, cipher, catalogue)


async def escalate_overdue_cases(uow: UnitOfWork, *, to: str, cipher: FieldCipher, catalogue: Catalogue) -> int:
    """Hands cases whose deadline has passed to `to`. Returns how many; call again until 0."""
    overdue = await cases.lock_overdue_cases(uow, cipher, limit=OVERDUE_BATCH_SIZE)
    loaded = CaseChanges(uow, cipher, catalogue, {record.case.id: record for record in overdue})
    for record in overdue:
        new_events = back_office_actions.escalate_overdue(record.case, to=to, now=uow.now)
        loaded.add(apply_all(record.case, new_events), new_events, DEADLINE_WATCH)
    await loaded.save()
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
        loaded = await load_for_update([conflict.case_id], uow, cipher=cipher, catalogue=catalogue)
        incoming = parse_birth_date({conflict.name: read_conflict_values(conflict, cipher)["incoming"]})

        def fill(case: Case, edition: Edition) -> NewEvents | Refusal:
            fields = crew_actions.checked_form(incoming, edition, catalogue)
            if isinstance(fields, Refusal):
                return fields
            return crew_actions.correct(case, edition, fields, officer=officer, now=uow.now)

        if refusal := loaded.run(conflict.case_id, fill, Actor(officer)):
            return refusal
        await loaded.save()
    await conflicts.decide_conflict(uow, conflict_id, officer=officer, resolution=resolution)
    return None


def read_conflict_values(conflict: StoredConflict, cipher: FieldCipher) -> dict[str, JsonValue]:
    """The values `base`, `current` and `incoming`; dates as ISO text."""
    values: dict[str, JsonValue] = json.loads(cipher.open(conflict.field_values))
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
    decide: CaseAction,
    officer: str,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    loaded = await load_for_update([case_id], uow, cipher=cipher, catalogue=catalogue)
    if case_id not in loaded.records:
        return NO_CASE
    if refusal := loaded.run(case_id, decide, Actor(officer)):
        return refusal
    await loaded.save()
    return loaded.records[case_id]
