"""What becomes due while nobody works on a case: reminders, missed obligations; and how the office fulfils them."""

from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case.case_events import ObligationMissed, ObligationReminded
from intake.domain.case.fold import apply_all
from intake.domain.case.obligations import fulfil_obligation, pass_due_dates
from intake.domain.case.process import NewEvents
from intake.domain.case.state import Case
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition
from intake.domain.refusals import NO_CASE
from intake.handlers.case_changes import CaseChanges, load_for_update
from intake.store import due_date_statements
from intake.store.case_statements import CaseRecord

DUE_BATCH_SIZE = 100
CLOCK = Actor("clock")


async def follow_due_dates(uow: UnitOfWork, *, owner: str, cipher: FieldCipher, catalogue: Catalogue) -> int:
    """Publishes reminders and missed obligations for which it is time. `owner`: looks after what was missed.

    Returns in how many cases; call again until 0.
    """
    due = await due_date_statements.lock_cases_with_due_dates(uow, cipher, limit=DUE_BATCH_SIZE)
    loaded = CaseChanges(uow, cipher, catalogue, {record.case.id: record for record in due})
    changed = 0
    for record in due:
        case = record.case
        new_events = pass_due_dates(case, owner=owner, now=uow.now)
        loaded.add(apply_all(case, new_events), new_events, CLOCK)
        changed += bool(new_events)
        for event in new_events:
            if isinstance(event, ObligationReminded):
                uow.log_outcome("obligation.reminder_due", case_id=case.id, obligation=event.code)
            elif isinstance(event, ObligationMissed):
                uow.log_outcome("obligation.missed", case_id=case.id, obligation=event.code)
    await loaded.save()
    return changed


async def fulfil(
    case_id: CaseId,
    code: str,
    uow: UnitOfWork,
    *,
    officer: str,
    reason: str,
    attachment_id: UUID | None = None,
    cipher: FieldCipher,
    catalogue: Catalogue,
) -> CaseRecord | Refusal:
    """`reason`: how the office knows of it, as written."""
    loaded = await load_for_update([case_id], uow, cipher=cipher, catalogue=catalogue)
    if case_id not in loaded.records:
        return NO_CASE

    def decide(case: Case, _: Edition) -> NewEvents | Refusal:
        return fulfil_obligation(case, code, met_at=uow.now, attachment_id=attachment_id, reason=reason)

    if refusal := loaded.run(case_id, decide, Actor(officer)):
        return refusal
    await loaded.save()
    return loaded.records[case_id]
