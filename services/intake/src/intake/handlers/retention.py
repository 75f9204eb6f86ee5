"""Closes cases in which nothing is open any more, and deletes closed cases when their retention period is over."""

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

from opentelemetry import metrics
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CaseDeleted
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.actor import Actor
from intake.domain.case import back_office_actions
from intake.domain.case.case_events import AnswersDeleted
from intake.domain.case.process import NewEvents
from intake.domain.case.state import Case
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition, Retention
from intake.domain.retention import answers_to_delete, deletes_at_closing, editions_by_retention, expired_before
from intake.handlers.case_changes import CaseChanges
from intake.store import history_statements, retention_statements
from intake.store.retention_statements import RetentionRun

CLOSE_BATCH_SIZE = 50
DELETE_BATCH_SIZE = 50
REFUSED_BATCH_SIZE = 500
REFUSED_ENTRIES_KEPT = timedelta(days=90)
CLOCK = Actor("clock")

_meter = metrics.get_meter("wanderamt.intake")
closed_cases = _meter.create_counter("wanderamt.cases.closed", "{case}", "Cases that a periodic task closed.")
deleted_cases = _meter.create_counter(
    "wanderamt.cases.deleted", "{case}", "Cases that were deleted at the end of their retention period, by service."
)


class RetentionPlan(NamedTuple):
    """What a run would do now. `expired`: by service and retention."""

    to_close: int
    expired: dict[tuple[str, Retention], int]


async def close_case(loaded: CaseChanges, case_id: CaseId, actor: Actor) -> Refusal | None:
    """Closes a loaded case, and deletes what its edition keeps until then."""
    record, uow = loaded.records[case_id], loaded.uow
    pinned = loaded.catalogue.pinned_edition(record.case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    deleted: AnswersDeleted | None = None
    if deletes_at_closing(pinned.edition):
        histories = await history_statements.find_histories(uow, [case_id], loaded.cipher)
        deleted = answers_to_delete(pinned.edition, (event for event, _ in histories[case_id]))

    def close(case: Case, _: Edition) -> NewEvents | Refusal:
        closed = back_office_actions.close(case)
        return closed if isinstance(closed, Refusal) else closed + ((deleted,) if deleted else ())

    if refusal := loaded.run(case_id, close, actor):
        return refusal
    if deleted:
        await retention_statements.forget_answers(
            uow, case_id, fields=deleted.fields, attachments=deleted.attachments, cipher=loaded.cipher
        )
    return None


async def close_ended_cases(uow: UnitOfWork, *, after: timedelta, cipher: FieldCipher, catalogue: Catalogue) -> int:
    """Closes cases that ended so long ago and in which nothing is open. Returns how many; call again until 0."""
    ended = await retention_statements.lock_cases_to_close(uow, cipher, before=uow.now - after, limit=CLOSE_BATCH_SIZE)
    loaded = CaseChanges(uow, cipher, catalogue, {record.case.id: record for record in ended})
    closed = [record.case.id for record in ended if not await close_case(loaded, record.case.id, CLOCK)]
    await loaded.save()
    if closed:
        uow.log_outcome("cases.closed", case_ids=[str(case_id) for case_id in closed])
        closed_cases.add(len(closed))
    return len(closed)


async def delete_expired_cases(uow: UnitOfWork, *, catalogue: Catalogue) -> int:
    """Deletes cases whose retention period is over, and tells the other services. Returns how many; call again until
    0."""
    deleted = 0
    for retention, editions in editions_by_retention(catalogue).items():
        deleted += await _delete_some(uow, retention, editions, catalogue)
    unreadable = await retention_statements.delete_refused_entries(
        uow, before=uow.now - REFUSED_ENTRIES_KEPT, limit=REFUSED_BATCH_SIZE
    )
    if unreadable:
        uow.log_outcome("refused_entries.deleted", number=unreadable)
    return deleted + unreadable


async def plan_retention(uow: UnitOfWork, *, after: timedelta, catalogue: Catalogue) -> RetentionPlan:
    """`after`: how long after its end a case is closed."""
    expired: dict[tuple[str, Retention], int] = {}
    for retention, editions in editions_by_retention(catalogue).items():
        before = expired_before(retention, now=uow.now, zone=catalogue.calendar.zone)
        counts = await retention_statements.count_expired_cases(uow, editions, closed_before=before)
        expired |= {(service, retention): count for service, count in counts.items()}
    return RetentionPlan(await retention_statements.count_cases_to_close(uow, before=uow.now - after), expired)


async def _delete_some(uow: UnitOfWork, retention: Retention, editions: list[str], catalogue: Catalogue) -> int:
    before = expired_before(retention, now=uow.now, zone=catalogue.calendar.zone)
    expired = await retention_statements.lock_expired_cases(
        uow, editions, closed_before=before, limit=DELETE_BATCH_SIZE
    )
    if not expired:
        return 0
    await retention_statements.delete_cases(uow, [case.case_id for case in expired])
    counts = Counter(case.service for case in expired)
    day = catalogue.calendar.day_of(uow.now)
    await retention_statements.add_to_run(
        uow, [RetentionRun(day, service, retention, cases) for service, cases in counts.items()]
    )
    for case in expired:
        event = CaseDeleted(case_id=case.case_id, service=case.service, deleted_at=uow.now)
        uow.emit(event, version=case.event_version + 1)
    case_ids = [str(case.case_id) for case in expired]
    uow.log_outcome("cases.deleted", retention=retention, services=dict(counts), case_ids=case_ids)
    for service, cases in counts.items():
        deleted_cases.add(cases, {"service": service, "retention": retention})
    return len(expired)
