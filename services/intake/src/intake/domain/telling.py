"""What others hear of a case: the happenings that leave the house, as events of the contract."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wanderamt.contracts import (
    CaseClosed,
    CaseCompensated,
    CaseEvent,
    CaseFinished,
    CaseHandedOver,
    CaseNeedsVisit,
    CaseOpened,
    CaseReopened,
    CaseWithdrawn,
    RegisterRequested,
)
from wanderamt.kernel.sealed import Sealed

from intake.domain.process.case import Case
from intake.domain.process.happening import (
    Closed,
    Compensated,
    Filled,
    Finished,
    HandedOver,
    Happening,
    Identified,
    Opened,
    Overdue,
    Paid,
    PaperSeen,
    ReceiptGiven,
    RegisterAsked,
    RegisterConfirmed,
    Reopened,
    SentToVisit,
    Withdrawn,
)

UNTOLD = frozenset({Filled, Identified, PaperSeen, RegisterConfirmed, ReceiptGiven, Paid})  # nobody else's business


@dataclass(frozen=True, slots=True)
class Parts:
    """The form as it lies and travels: sealed, in the parts that others may need alone. None: nothing was given."""

    applicant: Sealed | None = None
    contact: Sealed | None = None
    facts: Sealed | None = None


def told(happened: Iterable[Happening], case: Case, parts: Parts, *, officer: str, now: datetime) -> list[CaseEvent]:
    """`case` and `parts` as they are after all of it; `officer`: in whose name a register is asked."""
    events = (_told(one, case, parts, officer, now) for one in happened if type(one) not in UNTOLD)
    return [event for event in events if event]


def _told(happening: Happening, case: Case, parts: Parts, officer: str, now: datetime) -> CaseEvent | None:
    match happening:
        case Opened():
            return CaseOpened(
                **_about(case),
                language=case.language,
                captured_at=case.captured_at,
                contact=parts.contact,
                appointment_id=happening.appointment_id,
            )
        case RegisterAsked() if parts.applicant:
            return RegisterRequested(
                case_id=case.id,
                request_id=happening.request_id,
                register_name=happening.register_name,
                operation=happening.operation,
                question=parts.applicant,
                purpose=happening.purpose,
                officer=officer,
                deadline=happening.deadline,
            )
        case Finished():
            return CaseFinished(**_about(case), finished_at=now)
        case Closed():
            return CaseClosed(**_about(case), closed_at=now)
        case SentToVisit() | Compensated():
            return _not_finished(happening, case, parts, now)
    return _moved(happening, case, now)


def _not_finished(happening: SentToVisit | Compensated, case: Case, parts: Parts, now: datetime) -> CaseEvent:
    if isinstance(happening, SentToVisit):
        return CaseNeedsVisit(
            **_about(case),
            language=case.language,
            reason=happening.reason,
            contact=parts.contact,
            decided_at=now,
        )
    return CaseCompensated(
        case_id=case.id,
        service=case.service,
        stand_id=case.stand_id,
        language=case.language,
        reason=happening.reason,
        refund_cents=happening.refund_cents,
        contact=parts.contact,
        decided_at=now,
    )


def _moved(happening: Happening, case: Case, now: datetime) -> CaseEvent | None:
    match happening:
        case Withdrawn(refund_cents):
            return CaseWithdrawn(
                **_about(case),
                refund_cents=refund_cents,
                withdrawn_at=now,
            )
        case HandedOver(owner, _, deadline) | Overdue(owner, deadline):
            return CaseHandedOver(
                **_about(case),
                owner=owner,
                deadline=deadline,
                overdue=isinstance(happening, Overdue),
            )
        case Reopened(owner, _, deadline):
            return CaseReopened(**_about(case), owner=owner, deadline=deadline)
    return None


def _about(case: Case) -> dict[str, Any]:
    """What every event but the question to a register says."""
    return {"case_id": case.id, "service": case.service, "stand_id": case.stand_id}
