"""A request to a register, from waiting to answered.

Kept true: a request is answered once; after its deadline the answer is `unavailable`, never silence.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from wanderamt.contracts import RegisterAnswered, RegisterRequested, Verdict
from wanderamt.kernel.decision import Decision, Job
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed


class RequestState(StrEnum):
    WAITING = "waiting"
    ANSWERED = "answered"


class AskRegister(Job):
    """Requests of one case are asked one after the other."""

    QUEUE: ClassVar[str] = "ask-register"
    KEY: ClassVar[str] = "case_id"
    DEADLINE_S: ClassVar[int] = 24 * 3600

    case_id: UUID
    request_id: UUID


@dataclass(frozen=True, slots=True)
class Request:
    id: RequestId
    case_id: CaseId
    register: str
    operation: str
    question: Sealed
    purpose: str
    officer: str
    state: RequestState
    asked_at: datetime
    verdict: Verdict | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What goes to the bridge of a register; the person is still sealed."""

    request_id: RequestId
    register: str
    operation: str
    person: Sealed
    purpose: str
    officer: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the register said. `details` (JSON) may hold personal data and is sealed before it is stored."""

    verdict: Verdict
    details: bytes | None = None


def take_request(event: RegisterRequested, *, now: datetime) -> Decision[Request]:
    request = Request(
        id=RequestId(event.request_id),
        case_id=CaseId(event.case_id),
        register=event.register_name,
        operation=event.operation,
        question=event.question,
        purpose=event.purpose,
        officer=event.officer,
        state=RequestState.WAITING,
        asked_at=now,
    )
    return Decision(request, jobs=(AskRegister(case_id=event.case_id, request_id=event.request_id),))


def answer_request(
    request: Request, verdict: Verdict, *, details: Sealed | None, now: datetime
) -> Decision[Request] | None:
    """None when it was answered before."""
    if request.state is RequestState.ANSWERED:
        return None
    answered = replace(request, state=RequestState.ANSWERED, verdict=verdict, answered_at=now)
    event = RegisterAnswered(
        request_id=request.id,
        case_id=request.case_id,
        register_name=request.register,
        verdict=verdict,
        answer=details,
        as_of=now,
    )
    return Decision(answered, (event,))
