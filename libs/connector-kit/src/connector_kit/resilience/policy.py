"""What follows from the outcome of a call. Pure, and the same for every register.

Invariants: a call that may have been executed is repeated only if the manifest declares it idempotent; a call that was
certainly not executed is repeated until the deadline; a paused register costs no try.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from wanderamt.kernel.decision import Attempt, OutcomeUnknown, RetryLater

from connector_kit.call_outcome import (
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotExecuted,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)
from connector_kit.manifest.operation import Idempotency, Operation, OperationKind

RETRY_SCHEDULE_S: Final = (30.0, 120.0, 600.0, 1800.0, 3600.0)
THROTTLED_S: Final = 60.0
STATUS_CHECK_DELAY_S: Final = 30.0  # before a status check: a slow register may still be executing


class CallKind(StrEnum):
    """execute: send the question or order. status_check: ask whether an earlier order was executed."""

    EXECUTE = "execute"
    STATUS_CHECK = "status_check"


@dataclass(frozen=True, slots=True)
class FinalOutcome:
    """The request is finished."""

    outcome: Succeeded | NotFound | Rejected | Ambiguous  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True)
class OperatorNeeded:
    """Only a person who asks the register's owner can find out what happened."""

    code: str


PolicyDecision: TypeAlias = FinalOutcome | OperatorNeeded | RetryLater | OutcomeUnknown


def next_call(operation: Operation, attempt: Attempt) -> CallKind | OperatorNeeded:
    """What to do with a claimed job. `attempt.previous_outcome_unknown`: the last call may have been executed."""
    if not attempt.previous_outcome_unknown:
        return CallKind.EXECUTE
    match operation.idempotency:
        case Idempotency.NATURAL | Idempotency.BY_KEY:
            return CallKind.EXECUTE
        case Idempotency.BY_LOOKUP:
            return CallKind.STATUS_CHECK
        case Idempotency.NONE:
            return OperatorNeeded("interrupted")


def decide_after(
    operation: Operation, outcome: CallOutcome, attempt: Attempt, *, kind: CallKind = CallKind.EXECUTE
) -> PolicyDecision:
    """What to do after a call. A status check without an answer changes nothing: the order may have been executed.

    A retry time given by the register is limited to one hour, because it may say "next year".
    """
    match outcome:
        case Succeeded() | NotFound() | Rejected() | Ambiguous():
            return FinalOutcome(outcome)
        case NotExecuted():
            return RetryLater(0.0, "not_done")
        case TemporarilyUnavailable(code, after_s):
            wait_s = retry_delay_s(attempt) if after_s is None else min(after_s, RETRY_SCHEDULE_S[-1])
        case Throttled(after_s):
            code, wait_s = "throttled", THROTTLED_S if after_s is None else min(after_s, RETRY_SCHEDULE_S[-1])
        case AuthFailed(code):
            code, wait_s = f"auth_failed: {code}", retry_delay_s(attempt)
        case PossiblyExecuted(code) | UnreadableResponse(code):
            return _after_possible_execution(operation, code, attempt)
        case never:
            assert_never(never)
    return OutcomeUnknown(wait_s, code) if kind is CallKind.STATUS_CHECK else RetryLater(wait_s, code)


def on_deadline(operation: Operation, *, effect_possible: bool) -> OperatorNeeded | None:
    """When the deadline has passed: None means the request ends without an answer. `effect_possible`: a call of it
    may have been executed."""
    return OperatorNeeded("deadline") if effect_possible and operation.kind is not OperationKind.LOOKUP else None


def retry_delay_s(attempt: Attempt) -> float:
    """Seconds until the next try; the runner adds jitter."""
    return RETRY_SCHEDULE_S[min(attempt.number, len(RETRY_SCHEDULE_S)) - 1]


def _after_possible_execution(operation: Operation, code: str, attempt: Attempt) -> PolicyDecision:
    match operation.idempotency:
        case Idempotency.NATURAL | Idempotency.BY_KEY:
            return RetryLater(retry_delay_s(attempt), code)
        case Idempotency.BY_LOOKUP:
            return OutcomeUnknown(STATUS_CHECK_DELAY_S, code)
        case Idempotency.NONE:
            return OperatorNeeded(code)
