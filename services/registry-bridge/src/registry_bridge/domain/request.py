"""A request to a register, from waiting to answered.

Invariants:
- A request is answered exactly once; after its deadline the answer is `unavailable`.
- A command whose effect is uncertain is never answered automatically: it waits for an operator.
- A fault of our configuration is no refusal of the register: the request waits for an operator until its deadline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar
from uuid import UUID

from connector_kit.call_outcome import (
    QUESTION_INVALID,
    Ambiguous,
    CallOutcome,
    NotExecuted,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    UnreadableResponse,
)
from connector_kit.files.file_exchange import ExchangeStep, FileChunk, TransferFailure, Uploaded
from connector_kit.files.remote_files import FolderListing
from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import OperationKind
from connector_kit.resilience.policy import CallKind, FinalOutcome, OperatorNeeded, decide_after, on_deadline
from pydantic import AwareDatetime
from wanderamt.contracts import AMBIGUOUS, RegisterAnswered, RegisterOutcome, RegisterQueryRequested
from wanderamt.kernel.decision import Attempt, Decision, Job, OutcomeUnknown, RetryLater
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Assertion

NO_BRIDGE = "no_bridge"
NO_OPERATION = "no_operation"
NO_PURPOSE = "no_purpose"
MISCONFIGURED = frozenset({NO_BRIDGE, NO_OPERATION, NO_PURPOSE, QUESTION_INVALID.code})


class RegisterRequestState(StrEnum):
    WAITING = "waiting"
    ANSWERED = "answered"
    NEEDS_OPERATOR = "needs_operator"


class CallRegister(Job):
    """Calls a register for one request. The requests of a case to one register run one after the other."""

    KEY: ClassVar[str] = "case_id"

    case_id: UUID
    request_id: UUID


class ExchangeFiles(Job):
    """Exchanges files with one register, step by step, while requests are pending."""

    KEY: ClassVar[str] = "register_name"
    DEADLINE_S: ClassVar[int] = 10 * 365 * 86_400  # requests have their own deadlines; the exchange goes on

    register_name: str


class CheckConfiguration(Job):
    """Checks whether a bridge can carry out a request by now that none could. Each request waits for itself alone."""

    QUEUE: ClassVar[str] = "misconfigured"
    KEY: ClassVar[str] = "request_id"
    DEADLINE_S: ClassVar[int] = 2 * 90 * 86_400  # longer than that of any request, which `deadline` holds

    case_id: UUID
    request_id: UUID
    deadline: AwareDatetime


@lru_cache
def exchange_job_type(register: str) -> type[ExchangeFiles]:
    class ExchangeFilesOfRegister(ExchangeFiles):
        QUEUE: ClassVar[str] = f"files-{register}"

    return ExchangeFilesOfRegister


@lru_cache
def call_job_type(register: str, deadline_s: int) -> type[CallRegister]:
    """Each register has its own queue, so that a slow register delays no other."""

    class CallOneRegister(CallRegister):
        QUEUE: ClassVar[str] = f"call-{register}"
        DEADLINE_S: ClassVar[int] = deadline_s

    return CallOneRegister


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """`effect_possible`: a call may have had its effect. `code`: why the request ended or what it waits for."""

    id: RequestId
    case_id: CaseId
    register: str
    operation: str
    question: Sealed
    purpose: str
    officer: str
    state: RegisterRequestState
    asked_at: datetime
    outcome: RegisterOutcome | None = None
    answered_at: datetime | None = None
    effect_possible: bool = False
    code: str = ""
    assertion: str | None = None

    def expected_assertion(self) -> Assertion:
        """The content that the signed `assertion` must have."""
        return Assertion(
            officer=self.officer,
            case_id=self.case_id,
            request_id=self.id,
            register=self.register,
            operation=self.operation,
            purpose=self.purpose,
            question=self.question,
        )


def unreadable_response_of(request_id: RequestId) -> str:
    """As what a stored response is encrypted, see FieldCipher.seal_bytes."""
    return f"request.unreadable_response:{request_id}"


@dataclass(frozen=True, slots=True)
class CallTask:
    """A call to make after `wait_s` seconds."""

    request: RegisterRequest
    call_kind: CallKind
    attempt: Attempt
    wait_s: float


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended. `question_hash`: keyed hash of the question, under which its answer is cached."""

    outcome: CallOutcome
    duration_s: float
    call_kind: CallKind
    attempt: Attempt
    question_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class NotAllowed:
    """The request has no valid assertion; the register was not called."""

    code: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """No bridge can carry out the request: one of MISCONFIGURED. The register was not called."""

    code: str


@dataclass(frozen=True, slots=True)
class FileTask:
    """A step of the file exchange. `requests`: those whose rows the outgoing file holds."""

    step: ExchangeStep
    requests: tuple[RegisterRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """How a step ended. `not_allowed`: the requests without a valid assertion, each with a code."""

    step: ExchangeStep
    outcome: Uploaded | FolderListing | FileChunk | TransferFailure
    duration_s: float
    not_allowed: Mapping[RequestId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """The answer to a request. `details` (JSON) may hold personal data and is encrypted before it is stored."""

    outcome: RegisterOutcome
    code: str = ""
    details: bytes | None = None


def accept_request(
    event: RegisterQueryRequested, manifest: Manifest | None, *, now: datetime
) -> Decision[RegisterRequest]:
    """A request that no bridge can carry out is stored, too: it waits for an operator."""
    request = request_from(event, now=now)
    if code := configuration_fault(manifest, event.operation, event.purpose):
        return leave_misconfigured(request, code, deadline=event.deadline)
    return Decision(request, jobs=call_jobs(request, manifest))


def configuration_fault(manifest: Manifest | None, operation: str, purpose: str) -> str:
    """Why no bridge can carry out such a request; empty if one can."""
    if not manifest:
        return NO_BRIDGE
    rules = manifest.operations.get(operation)
    if not rules:
        return NO_OPERATION
    return "" if purpose in rules.purposes else NO_PURPOSE


def call_jobs(request: RegisterRequest, manifest: Manifest | None) -> tuple[CallRegister, ...]:
    """None for a register that exchanges files: the next file carries the request."""
    rules = manifest.operations[request.operation] if manifest else None
    if not rules or rules.kind is OperationKind.BATCH:
        return ()
    job = call_job_type(request.register, int(rules.deadline_s))
    return (job(case_id=request.case_id, request_id=request.id),)


def leave_misconfigured(request: RegisterRequest, code: str, *, deadline: datetime) -> Decision[RegisterRequest]:
    waiting = leave_to_operator(request, OperatorNeeded(code))
    check = CheckConfiguration(case_id=request.case_id, request_id=request.id, deadline=deadline)
    return Decision(waiting, jobs=(check,))


def is_misconfigured(request: RegisterRequest) -> bool:
    return request.state is RegisterRequestState.NEEDS_OPERATOR and request.code in MISCONFIGURED


def request_from(event: RegisterQueryRequested, *, now: datetime) -> RegisterRequest:
    return RegisterRequest(
        id=RequestId(event.request_id),
        case_id=CaseId(event.case_id),
        register=event.register_name,
        operation=event.operation,
        question=event.question,
        purpose=event.purpose,
        officer=event.officer,
        state=RegisterRequestState.WAITING,
        asked_at=now,
        assertion=event.assertion,
    )


def apply_result(
    request: RegisterRequest, result: CallResult, manifest: Manifest
) -> tuple[RegisterRequest, RequestAnswer | Misconfigured | OperatorNeeded | RetryLater | OutcomeUnknown]:
    """The request after a call, and the next step."""
    if result.outcome == QUESTION_INVALID:
        return request, Misconfigured(QUESTION_INVALID.code)
    if isinstance(result.outcome, PossiblyExecuted | UnreadableResponse):
        request = replace(request, effect_possible=True)
    elif isinstance(result.outcome, NotExecuted):
        request = replace(request, effect_possible=False)
    step = decide_after(manifest.operations[request.operation], result.outcome, result.attempt, kind=result.call_kind)
    return request, answer_from(step) if isinstance(step, FinalOutcome) else step


def expire_request(request: RegisterRequest, manifest: Manifest | None, reason: str) -> RequestAnswer | OperatorNeeded:
    operation = manifest.operations.get(request.operation) if manifest else None
    operator_needed = on_deadline(operation, effect_possible=request.effect_possible) if operation else None
    return operator_needed or RequestAnswer(RegisterOutcome.UNAVAILABLE, reason)


def leave_to_operator(request: RegisterRequest, reason: OperatorNeeded) -> RegisterRequest:
    return replace(request, state=RegisterRequestState.NEEDS_OPERATOR, code=reason.code)


def requeue(request: RegisterRequest) -> RegisterRequest:
    """For a command that, as an operator has checked, had no effect."""
    return replace(request, state=RegisterRequestState.WAITING, effect_possible=False, code="")


def answer_request(
    request: RegisterRequest,
    answer: RequestAnswer,
    *,
    details: Sealed | None,
    prove: Callable[[RegisterAnswered], RegisterAnswered],
    now: datetime,
) -> Decision[RegisterRequest] | None:
    """None when the request was answered before. `prove`: adds the proof without which intake refuses the answer."""
    if request.state is RegisterRequestState.ANSWERED:
        return None
    answered = replace(
        request,
        state=RegisterRequestState.ANSWERED,
        outcome=answer.outcome,
        answered_at=now,
        code=answer.code,
        effect_possible=False,
    )
    event = RegisterAnswered(
        request_id=request.id,
        case_id=request.case_id,
        register_name=request.register,
        outcome=answer.outcome,
        answer=details,
        code=answer.code or None,
        as_of=now,
    )
    return Decision(answered, events=(prove(event),))


def answer_from(final: FinalOutcome) -> RequestAnswer:
    match final.outcome:
        case Succeeded(result):
            return RequestAnswer(RegisterOutcome.CONFIRMED, details=result.model_dump_json().encode())
        case NotFound():
            return RequestAnswer(RegisterOutcome.NOT_FOUND)
        case Ambiguous():
            return RequestAnswer(RegisterOutcome.REFUSED, AMBIGUOUS)
        case Rejected(code):
            return RequestAnswer(RegisterOutcome.REFUSED, code)
