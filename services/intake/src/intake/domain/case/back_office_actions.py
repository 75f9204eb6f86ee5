"""Actions that do not come from the crew: those of the back office, and a passed deadline."""

from collections.abc import Callable
from datetime import datetime, timedelta

from wanderamt.kernel.ids import StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import (
    Closed,
    HandedOver,
    Overdue,
    Reopened,
    TakenToStand,
    Withdrawn,
)
from intake.domain.case.fold import apply_all
from intake.domain.case.process import NewEvents
from intake.domain.case.state import TO_TAKE_BACK, Case, CaseState
from intake.domain.refusals import CASE_CLOSED, CASE_ENDED, CASE_NOT_ENDED, OBLIGATIONS_OPEN, REASON_MISSING

CaseStep = Callable[[Case], NewEvents | Refusal]
REOPEN_DEADLINE = timedelta(days=7)
ESCALATION_DEADLINE = timedelta(days=1)
OBLIGATION_ESCALATION_DEADLINE = timedelta(days=30)  # of a case that has ended: nobody waits for it


def hand_over(case: Case, *, to: str, reason: str, deadline: datetime) -> NewEvents | Refusal:
    if case.ended and not case.deadline:
        return CASE_ENDED  # nobody has to act
    return (HandedOver(to, reason, deadline),) if reason.strip() else REASON_MISSING


def take_to_stand(case: Case, stand_id: StandId, *, reason: str) -> NewEvents:
    """No events if the case belongs to the stand already."""
    return () if case.belongs_to(stand_id) else (TakenToStand(stand_id, reason),)


def withdraw(case: Case) -> NewEvents | Refusal:
    """The citizen withdraws the case, also a finished one: registers undo what they wrote, its document is revoked, and
    the city owes back what was paid."""
    if case.ended and case.state is not CaseState.FINAL:
        return CASE_ENDED
    return (Withdrawn(case.paid_cents),)


def close(case: Case) -> NewEvents | Refusal:
    """Ends all work on the case; its retention period begins."""
    if case.state is CaseState.CLOSED:
        return CASE_CLOSED
    if case.ended and case.unmet_obligations:
        return OBLIGATIONS_OPEN
    return (Closed(),) if case.ended else CASE_NOT_ENDED


def reopen(case: Case, *, by: str, reason: str, now: datetime) -> NewEvents | Refusal:
    """A case that wrote nothing into registers and lacks nothing finishes again at once, with a new document."""
    if not case.ended:
        return CASE_NOT_ENDED
    return (Reopened(by, reason, now + REOPEN_DEADLINE),) if reason.strip() else REASON_MISSING


def reopen_and_act(case: Case, reopened: NewEvents | Refusal, act: CaseStep) -> NewEvents | Refusal:
    """Why it was reopened happens at once, such as a correction. All of it, or nothing."""
    if isinstance(reopened, Refusal):
        return reopened
    following = act(apply_all(case, reopened))
    return following if isinstance(following, Refusal) else (*reopened, *following)


def escalate_overdue(case: Case, *, to: str, now: datetime) -> NewEvents:
    """Hands a case with a passed deadline over to the owner of overdue cases."""
    if not case.deadline or case.deadline > now:
        return ()
    undoes = any(call.status in TO_TAKE_BACK for call in case.calls.values())
    only_obligations = case.ended and case.unmet_obligations and not undoes
    return (Overdue(to, now + (OBLIGATION_ESCALATION_DEADLINE if only_obligations else ESCALATION_DEADLINE)),)
