"""Due dates of a case: deadlines, judged by its facts, and what the citizen must still do after it.

Invariants: obligations are set once, when the case is finished; each is reminded of and missed once; one that was met
stays met when the case is reopened and finished again.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from service_catalogue.conditions import evaluate
from service_catalogue.references import Values
from wanderamt.contracts import DueDateKind
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import (
    CallSkipped,
    CaseHistoryEvent,
    DeadlinesJudged,
    Filled,
    Finished,
    ObligationFulfilled,
    ObligationMissed,
    ObligationReminded,
    ObligationsSet,
    ObligationToMeet,
    Opened,
    RegisterConfirmed,
)
from intake.domain.case.deadlines import applied_at, judge_deadlines
from intake.domain.case.state import MISSED, Case, DueDate, DueDateState
from intake.domain.case.values import values_of
from intake.domain.catalogue.service_definition import Edition, Obligation
from intake.domain.refusals import NO_OBLIGATION

OFFICE_DEADLINE = timedelta(days=14)  # for who looks after a missed obligation
DueDateEvent = DeadlinesJudged | ObligationsSet | ObligationReminded | ObligationFulfilled | ObligationMissed
DUE_DATE_EVENTS = frozenset(get_args(DueDateEvent))
_JUDGED_AGAIN_AFTER = (Opened, Filled, RegisterConfirmed, CallSkipped)


def due_dates_after(
    case: Case, edition: Edition, new_events: Iterable[CaseHistoryEvent], *, now: datetime
) -> tuple[CaseHistoryEvent, ...]:
    """What `new_events` change in the due dates of the case, which is as they left it."""
    if not edition.deadlines and not edition.obligations:
        return ()
    changes: list[CaseHistoryEvent] = []
    if edition.deadlines and any(isinstance(event, _JUDGED_AGAIN_AFTER) for event in new_events):
        changes += _judged(case, edition)
    if edition.obligations and any(isinstance(event, Finished) for event in new_events):
        changes += _set(case, edition, now=now)
    return tuple(changes)


def pass_due_dates(case: Case, *, owner: str, now: datetime) -> tuple[CaseHistoryEvent, ...]:
    """The reminders and missed obligations for which it is time. `owner`: looks after what was missed."""
    events: list[CaseHistoryEvent] = []
    for due in case.unmet_obligations:
        if due.state is not DueDateState.OPEN:
            continue
        if due.due_at <= now:
            events.append(ObligationMissed(due.code, now, owner, now + OFFICE_DEADLINE))
        elif due.remind_at and due.remind_at <= now and not due.reminded_at:
            events.append(ObligationReminded(due.code, now))
    return tuple(events)


def fulfil_obligation(
    case: Case, code: str, *, met_at: datetime, attachment_id: UUID | None = None, reason: str = ""
) -> tuple[CaseHistoryEvent, ...] | Refusal:
    """No events if it is fulfilled already."""
    obligation = next((due for due in case.due_dates if due.kind is DueDateKind.OBLIGATION and due.code == code), None)
    if not obligation:
        return NO_OBLIGATION
    return () if obligation.met_at else (ObligationFulfilled(code, met_at, attachment_id, reason),)


def obligation_of(edition: Edition, code: str) -> Obligation | None:
    return next((obligation for obligation in edition.obligations if obligation.code == code), None)


def changes_of(case: Case, event: DueDateEvent) -> dict[str, Any]:
    """For the fold: what the event changes in the case."""
    match event:
        case DeadlinesJudged(deadlines, at):
            judged = tuple(
                DueDate(
                    DueDateKind.DEADLINE,
                    deadline.code,
                    deadline.due_at,
                    met_at=None if deadline.missed else at,
                    missed_at=at if deadline.missed else None,
                )
                for deadline in deadlines
            )
            return {"due_dates": judged + _of_kind(case, DueDateKind.OBLIGATION)}
        case ObligationsSet(obligations):
            new = tuple(
                DueDate(DueDateKind.OBLIGATION, obligation.code, obligation.due_at, obligation.remind_at)
                for obligation in obligations
            )
            met = tuple(due for due in _of_kind(case, DueDateKind.OBLIGATION) if due.met_at)
            return {"due_dates": _of_kind(case, DueDateKind.DEADLINE) + met + new}
        case ObligationReminded(code, at):
            return {"due_dates": _replaced(case, code, reminded_at=at)}
        case ObligationMissed(code, at, owner, deadline):
            missed = _replaced(case, code, missed_at=at)
            return {"due_dates": missed, "owner": owner, "deadline": deadline, "reason": f"{MISSED}{code}"}
        case ObligationFulfilled(code, at, attachment_id):
            met = _replaced(case, code, met_at=at)
            return {"due_dates": met} | ({"attachments": case.attachments | {attachment_id}} if attachment_id else {})


def without_unmet(case: Case) -> tuple[DueDate, ...]:
    """The due dates of a case that is reopened: its obligations are set again when it is finished again."""
    return tuple(due for due in case.due_dates if due.kind is DueDateKind.DEADLINE or due.met_at)


def _judged(case: Case, edition: Edition) -> list[CaseHistoryEvent]:
    judged = DeadlinesJudged(
        judge_deadlines(case, edition, values_of(case, edition)), applied_at(case, edition.calendar)
    )
    known = _of_kind(case, DueDateKind.DEADLINE)
    return [] if changes_of(case, judged)["due_dates"][: len(judged.deadlines)] == known else [judged]


def _set(case: Case, edition: Edition, *, now: datetime) -> list[CaseHistoryEvent]:
    """Not those that were due before the case was finished: nobody can fulfil them in time any more."""
    met = {due.code for due in _of_kind(case, DueDateKind.OBLIGATION)}
    values = values_of(case, edition)
    obligations = tuple(
        ObligationToMeet(obligation.code, due_at, _remind_at(obligation, due_at))
        for obligation in edition.obligations
        if obligation.code not in met and (due_at := _due_at(obligation, values)) and due_at > now
    )
    return [ObligationsSet(obligations)] if obligations else []


def _due_at(obligation: Obligation, values: Values) -> datetime | None:
    if evaluate(obligation.when, values) is not True:
        return None
    due = obligation.due.due_at(values)
    return due.astimezone(UTC) if isinstance(due, datetime) else None


def _remind_at(obligation: Obligation, due_at: datetime) -> datetime:
    """At the same local time as it is due, on an earlier day."""
    zone = obligation.due.calendar.zone
    local = due_at.astimezone(zone)
    day = obligation.remind.before(local.date())
    return datetime.combine(day, local.time(), zone).astimezone(UTC)


def _of_kind(case: Case, kind: DueDateKind) -> tuple[DueDate, ...]:
    return tuple(due for due in case.due_dates if due.kind is kind)


def _replaced(case: Case, code: str, **times: datetime) -> tuple[DueDate, ...]:
    return tuple(
        due._replace(**times) if due.kind is DueDateKind.OBLIGATION and due.code == code else due  # type: ignore[arg-type]
        for due in case.due_dates
    )
