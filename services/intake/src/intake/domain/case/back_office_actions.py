"""Actions that do not come from the crew: the register's answer, the back office, a passed deadline."""

from datetime import datetime, timedelta
from typing import assert_never

from wanderamt.contracts import RegisterOutcome, VisitReason
from wanderamt.kernel.ids import RequestId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import (
    Closed,
    Compensated,
    HandedOver,
    Overdue,
    RegisterConfirmed,
    Reopened,
    SentToVisit,
    TakenToStand,
    Withdrawn,
)
from intake.domain.case.crew_actions import NewEvents
from intake.domain.case.state import Case, CaseState
from intake.domain.refusals import CASE_CLOSED, CASE_ENDED, CASE_NOT_ENDED, REASON_MISSING

VISIT_DEADLINE = timedelta(days=14)
REOPEN_DEADLINE = timedelta(days=7)
ESCALATION_DEADLINE = timedelta(days=1)


def record_register_answer(case: Case, request_id: RequestId, outcome: RegisterOutcome, *, now: datetime) -> NewEvents:
    """No events if the answer does not belong to the open query: that was answered, withdrawn or timed out."""
    if case.state is not CaseState.PROVISIONAL or case.request_id != request_id:
        return ()
    match outcome:
        case RegisterOutcome.CONFIRMED:
            return (RegisterConfirmed(request_id),)
        case RegisterOutcome.NOT_FOUND:
            return _not_confirmed(case, VisitReason.NOT_FOUND, now=now)
        case RegisterOutcome.REFUSED:
            return _not_confirmed(case, VisitReason.REGISTER_REFUSED, now=now)
        case RegisterOutcome.UNAVAILABLE:
            return _not_confirmed(case, VisitReason.REGISTER_UNAVAILABLE, now=now)
    assert_never(outcome)


def hand_over(case: Case, *, to: str, reason: str, deadline: datetime) -> NewEvents | Refusal:
    if case.ended:
        return CASE_ENDED
    return (HandedOver(to, reason, deadline),) if reason.strip() else REASON_MISSING


def take_to_stand(case: Case, stand_id: StandId, *, reason: str) -> NewEvents:
    """No events if the case belongs to the stand already."""
    return () if case.belongs_to(stand_id) else (TakenToStand(stand_id, reason),)


def withdraw(case: Case) -> NewEvents | Refusal:
    """The citizen withdraws an open case. The city owes back what was paid."""
    return CASE_ENDED if case.ended else (Withdrawn(case.paid_cents),)


def close(case: Case) -> NewEvents | Refusal:
    """Ends all work on the case; its retention period begins."""
    if case.state is CaseState.CLOSED:
        return CASE_CLOSED
    return (Closed(),) if case.ended else CASE_NOT_ENDED


def reopen(case: Case, *, by: str, reason: str, now: datetime) -> NewEvents | Refusal:
    if not case.ended:
        return CASE_NOT_ENDED
    return (Reopened(by, reason, now + REOPEN_DEADLINE),) if reason.strip() else REASON_MISSING


def escalate_overdue(case: Case, *, to: str, now: datetime) -> NewEvents:
    """Hands a case with a passed deadline over to the owner of overdue cases."""
    if case.ended or not case.deadline or case.deadline > now:
        return ()
    return (Overdue(to, now + ESCALATION_DEADLINE),)


def _not_confirmed(case: Case, reason: VisitReason, *, now: datetime) -> NewEvents:
    """Compensates an applicant who holds a provisional document; asks all others to come again."""
    if case.provisional_document and reason is not VisitReason.REGISTER_UNAVAILABLE:
        return (Compensated(reason, case.paid_cents),)
    return (SentToVisit(reason, now + VISIT_DEADLINE),)
