"""What comes from behind the stand: the register's answer, the back office, the clock."""

from datetime import datetime, timedelta
from typing import assert_never

from wanderamt.contracts import Verdict, VisitReason
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal

from intake.domain.process.case import Case, CaseState
from intake.domain.process.desk import Happenings
from intake.domain.process.happening import (
    Closed,
    Compensated,
    HandedOver,
    Overdue,
    RegisterConfirmed,
    Reopened,
    SentToVisit,
    Withdrawn,
)
from intake.domain.refusals import CASE_CLOSED, CASE_ENDED, CASE_NOT_ENDED, REASON_MISSING

VISIT_WITHIN = timedelta(days=14)
REOPENED_FOR = timedelta(days=7)
RAISED_FOR = timedelta(days=1)


def hear_register(case: Case, request_id: RequestId, verdict: Verdict, *, now: datetime) -> Happenings:
    """Nothing happens when the answer is not for the case's open question: it was answered, withdrawn or given up."""
    if case.state is not CaseState.PROVISIONAL or case.request_id != request_id:
        return ()
    match verdict:
        case Verdict.CONFIRMED:
            return (RegisterConfirmed(request_id),)
        case Verdict.NOT_FOUND:
            return _not_confirmed(case, VisitReason.NOT_FOUND, now=now)
        case Verdict.REFUSED:
            return _not_confirmed(case, VisitReason.REGISTER_REFUSED, now=now)
        case Verdict.UNAVAILABLE:
            return _not_confirmed(case, VisitReason.REGISTER_UNAVAILABLE, now=now)
    assert_never(verdict)


def hand_over(case: Case, *, to: str, reason: str, deadline: datetime) -> Happenings | Refusal:
    if case.ended:
        return CASE_ENDED
    return (HandedOver(to, reason, deadline),) if reason.strip() else REASON_MISSING


def withdraw(case: Case) -> Happenings | Refusal:
    """By the citizen's wish, as long as the case has not come to an end. What was paid is owed back."""
    return CASE_ENDED if case.ended else (Withdrawn(case.paid_cents),)


def close(case: Case) -> Happenings | Refusal:
    """Nothing is expected any more: its retention begins."""
    if case.state is CaseState.CLOSED:
        return CASE_CLOSED
    return (Closed(),) if case.ended else CASE_NOT_ENDED


def reopen(case: Case, *, by: str, reason: str, now: datetime) -> Happenings | Refusal:
    if not case.ended:
        return CASE_NOT_ENDED
    return (Reopened(by, reason, now + REOPENED_FOR),) if reason.strip() else REASON_MISSING


def raise_overdue(case: Case, *, to: str, now: datetime) -> Happenings:
    """A case whose owner did not act in time goes to whoever answers for late ones."""
    if case.ended or not case.deadline or case.deadline > now:
        return ()
    return (Overdue(to, now + RAISED_FOR),)


def _not_confirmed(case: Case, reason: VisitReason, *, now: datetime) -> Happenings:
    """Whoever holds a provisional paper or has paid gets both undone; the others are only asked to come again."""
    if case.receipt and reason is not VisitReason.REGISTER_UNAVAILABLE:
        return (Compensated(reason, case.paid_cents),)
    return (SentToVisit(reason, now + VISIT_WITHIN),)
