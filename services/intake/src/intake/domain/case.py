"""A case from the citizen's wish to its end: open, provisional, promoted to final or sent to a visit.

Kept true: every case that is not at its end has an owner, a deadline and a reason; the version rises by one with
every event.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from wanderamt.contracts import (
    CaseFinished,
    CaseNeedsVisit,
    CaseOpened,
    Language,
    RegisterAnswered,
    RegisterRequested,
    Verdict,
    VisitReason,
)
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import CaseId, DeviceId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed

from intake.domain.catalogue.book import Book, Pinned
from intake.domain.catalogue.due import application_day
from intake.domain.catalogue.offer import RegisterCall
from intake.domain.entry import Entry
from intake.domain.refusals import CASE_EXISTS


class CaseState(StrEnum):
    PROVISIONAL = "provisional"  # receipt given, register pending
    FINAL = "final"
    NEEDS_VISIT = "needs_visit"


@dataclass(frozen=True, slots=True)
class Case:
    """`edition`: the rules it was applied for under, such as dog_registration@2024-12-01."""

    id: CaseId
    version: int
    service: str
    edition: str
    stand_id: StandId
    device_id: DeviceId
    language: Language
    state: CaseState
    applicant: Sealed
    contact: Sealed | None
    captured_at: datetime
    opened_at: datetime
    owner: str
    reason: str
    deadline: datetime | None = None
    request_id: RequestId | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """An entry with what the edge added: who took it, the sealed personal data, a fresh id for a register request."""

    entry: Entry
    device_id: DeviceId
    officer: str
    applicant: Sealed
    contact: Sealed | None
    request_id: RequestId


def open_case(case: Case | None, opening: Opening, book: Book, *, now: datetime) -> Decision[Case] | Refusal:
    """Provisional when a register must answer first, final at once when none must."""
    if case:
        return CASE_EXISTS
    pinned = book.on(opening.entry.body.service, application_day(opening.entry.captured_at, now=now))
    if isinstance(pinned, Refusal):
        return pinned
    opened = CaseOpened(
        case_id=opening.entry.case_id,
        service=pinned.service,
        stand_id=opening.entry.stand_id,
        language=opening.entry.body.language,
        captured_at=opening.entry.captured_at,
        contact=opening.contact,
    )
    if pinned.edition.calls:
        return _ask_register(pinned, pinned.edition.calls[0], opening, opened, now=now)
    case = replace(_new_case(pinned, opening, now=now), state=CaseState.FINAL, version=2, reason="", finished_at=now)
    return Decision(case, (opened, _finished(case, now=now)))


def hear_register(case: Case, answer: RegisterAnswered, *, now: datetime) -> Decision[Case] | None:
    """Promotes a provisional case or sends it to a visit. None: the answer is not for the case's open question."""
    if case.state is not CaseState.PROVISIONAL or case.request_id != answer.request_id:
        return None
    match answer.verdict:
        case Verdict.CONFIRMED:
            final = replace(
                case, state=CaseState.FINAL, version=case.version + 1, reason="", deadline=None, finished_at=now
            )
            return Decision(final, (_finished(final, now=now),))
        case Verdict.NOT_FOUND:
            return _visit(case, VisitReason.NOT_FOUND, now=now)
        case Verdict.REFUSED:
            return _visit(case, VisitReason.REGISTER_REFUSED, now=now)
        case Verdict.UNAVAILABLE:
            return _visit(case, VisitReason.REGISTER_UNAVAILABLE, now=now)
    assert_never(answer.verdict)


def _new_case(pinned: Pinned, opening: Opening, *, now: datetime) -> Case:
    entry = opening.entry
    return Case(
        id=CaseId(entry.case_id),
        version=1,
        service=pinned.service,
        edition=pinned.version,
        stand_id=StandId(entry.stand_id),
        device_id=opening.device_id,
        language=entry.body.language,
        state=CaseState.PROVISIONAL,
        applicant=opening.applicant,
        contact=opening.contact,
        captured_at=entry.captured_at,
        opened_at=now,
        owner=opening.officer,
        reason="opened",
    )


def _ask_register(
    pinned: Pinned, call: RegisterCall, opening: Opening, opened: CaseOpened, *, now: datetime
) -> Decision[Case]:
    deadline = now + timedelta(seconds=call.deadline_s)
    case = replace(
        _new_case(pinned, opening, now=now),
        version=2,
        reason=f"waits for the register {call.register_name}",
        deadline=deadline,
        request_id=opening.request_id,
    )
    requested = RegisterRequested(
        case_id=case.id,
        request_id=opening.request_id,
        register_name=call.register_name,
        operation=call.operation,
        question=opening.applicant,
        purpose=call.purpose,
        officer=opening.officer,
        deadline=deadline,
    )
    return Decision(case, (opened, requested))


def _finished(case: Case, *, now: datetime) -> CaseFinished:
    return CaseFinished(case_id=case.id, service=case.service, stand_id=case.stand_id, finished_at=now)


def _visit(case: Case, reason: VisitReason, *, now: datetime) -> Decision[Case]:
    visit = replace(
        case, state=CaseState.NEEDS_VISIT, version=case.version + 1, reason=reason, deadline=now + timedelta(days=14)
    )
    event = CaseNeedsVisit(
        case_id=case.id,
        service=case.service,
        stand_id=case.stand_id,
        language=case.language,
        reason=reason,
        contact=case.contact,
        decided_at=now,
    )
    return Decision(visit, (event,))
