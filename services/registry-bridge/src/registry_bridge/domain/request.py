"""A request to a register, from waiting to answered.

Kept true: a request is answered once; after its deadline the answer is `unavailable`, never silence; an order of which
nobody knows whether it happened is never answered by us, it waits for a human.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar
from uuid import UUID

from connector_kit.exchange import Laid, Portion, Step, Trouble
from connector_kit.files import Look
from connector_kit.manifest import Kind, Manifest
from connector_kit.policy import Beat, Ended, ForHuman, after, too_late
from connector_kit.verdict import Ambiguous, Done, Malformed, NotDone, NotFound, Rejected, Unknown
from connector_kit.verdict import Verdict as Told
from wanderamt.contracts import RegisterAnswered, RegisterRequested, Verdict
from wanderamt.kernel.decision import Attempt, Decision, Job, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Assertion

NO_BRIDGE = "no_bridge"
NO_OPERATION = "no_operation"
NO_PURPOSE = "no_purpose"


class RequestState(StrEnum):
    WAITING = "waiting"
    ANSWERED = "answered"
    FOR_HUMAN = "for_human"


class AskRegister(Job):
    """Requests of one case to one register are asked one after the other."""

    KEY: ClassVar[str] = "case_id"

    case_id: UUID
    request_id: UUID


class ExchangeFiles(Job):
    """Files go to and fro with one register, step by step, as long as anybody waits for an answer."""

    KEY: ClassVar[str] = "register_name"
    DEADLINE_S: ClassVar[int] = 10 * 365 * 86_400  # requests have theirs; the exchange goes on

    register_name: str


@lru_cache
def files_job_of(register: str) -> type[ExchangeFiles]:
    class ExchangeOne(ExchangeFiles):
        QUEUE: ClassVar[str] = f"files-{register}"

    return ExchangeOne


@lru_cache
def job_of(register: str, deadline_s: int) -> type[AskRegister]:
    """Each register has a queue of its own, so that a slow one holds up no other."""

    class AskOne(AskRegister):
        QUEUE: ClassVar[str] = f"ask-{register}"
        DEADLINE_S: ClassVar[int] = deadline_s

    return AskOne


@dataclass(frozen=True, slots=True)
class Request:
    """`maybe`: a call of it may have happened and nobody knows better. `code`: why it ended or what it waits for."""

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
    maybe: bool = False
    code: str = ""
    assertion: str | None = None

    def asserted(self) -> Assertion:
        """What its assertion must say."""
        return Assertion(self.officer, self.case_id, self.id, self.register, self.operation, self.purpose)


@dataclass(frozen=True, slots=True)
class Task:
    """A call to be made after `wait_s` seconds."""

    request: Request
    beat: Beat
    attempt: Attempt
    wait_s: float


@dataclass(frozen=True, slots=True)
class Called:
    """How a call ended, after how long. `fingerprint`: of the question, to find its answer again."""

    verdict: Told
    took_s: float
    beat: Beat
    attempt: Attempt
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """Nobody has signed that this may be asked: nothing was called."""

    code: str


@dataclass(frozen=True, slots=True)
class FilesTask:
    """A step of the exchange of files. `orders`: requests whose lines an order file holds."""

    step: Step
    orders: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesDone:
    """How a step ended, after how long. `not_allowed`: requests nobody has signed for, with a word."""

    step: Step
    outcome: Laid | Look | Portion | Trouble
    took_s: float
    not_allowed: Mapping[RequestId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes to whoever asked. `details` (JSON) may hold personal data and is sealed before it is stored."""

    verdict: Verdict
    code: str = ""
    details: bytes | None = None


def take_request(event: RegisterRequested, manifest: Manifest | None, *, now: datetime) -> Decision[Request] | Answer:
    """An Answer for what no bridge can ask: waiting would not mend it."""
    operation = manifest.operations.get(event.operation) if manifest else None
    if not manifest or not operation:
        return Answer(Verdict.REFUSED, NO_OPERATION if manifest else NO_BRIDGE)
    if event.purpose not in operation.purposes:
        return Answer(Verdict.REFUSED, NO_PURPOSE)
    request = request_of(event, now=now)
    if operation.kind is Kind.BATCH:
        return Decision(request)  # it goes with the next file
    job = job_of(event.register_name, int(operation.deadline_s))
    return Decision(request, jobs=(job(case_id=event.case_id, request_id=event.request_id),))


def request_of(event: RegisterRequested, *, now: datetime) -> Request:
    return Request(
        id=RequestId(event.request_id),
        case_id=CaseId(event.case_id),
        register=event.register_name,
        operation=event.operation,
        question=event.question,
        purpose=event.purpose,
        officer=event.officer,
        state=RequestState.WAITING,
        asked_at=now,
        assertion=event.assertion,
    )


def learn(
    request: Request, called: Called, manifest: Manifest
) -> tuple[Request, Answer | ForHuman | Retry | MayHaveHappened]:
    """What follows from a call: the request as it is known now, and the next step."""
    if isinstance(called.verdict, Unknown | Malformed):
        request = replace(request, maybe=True)
    elif isinstance(called.verdict, NotDone):
        request = replace(request, maybe=False)
    step = after(manifest.operations[request.operation], called.verdict, called.attempt, beat=called.beat)
    return request, answer_of(step) if isinstance(step, Ended) else step


def expire(request: Request, manifest: Manifest | None, reason: str) -> Answer | ForHuman:
    operation = manifest.operations.get(request.operation) if manifest else None
    human = too_late(operation, maybe=request.maybe) if operation else None
    return human or Answer(Verdict.UNAVAILABLE, reason)


def leave_to_human(request: Request, why: ForHuman) -> Request:
    return replace(request, state=RequestState.FOR_HUMAN, code=why.code)


def ask_again(request: Request) -> Request:
    """Somebody has looked: it did not happen."""
    return replace(request, state=RequestState.WAITING, maybe=False, code="")


def answer_request(
    request: Request, answer: Answer, *, details: Sealed | None, now: datetime
) -> Decision[Request] | None:
    """None when it was answered before."""
    if request.state is RequestState.ANSWERED:
        return None
    answered = replace(
        request, state=RequestState.ANSWERED, verdict=answer.verdict, answered_at=now, code=answer.code, maybe=False
    )
    event = RegisterAnswered(
        request_id=request.id,
        case_id=request.case_id,
        register_name=request.register,
        verdict=answer.verdict,
        answer=details,
        code=answer.code or None,
        as_of=now,
    )
    return Decision(answered, events=(event,))


def answer_of(ended: Ended) -> Answer:
    match ended.verdict:
        case Done(result):
            return Answer(Verdict.CONFIRMED, details=result.model_dump_json().encode())
        case NotFound():
            return Answer(Verdict.NOT_FOUND)
        case Ambiguous():
            return Answer(Verdict.REFUSED, "ambiguous")
        case Rejected(code):
            return Answer(Verdict.REFUSED, code)
