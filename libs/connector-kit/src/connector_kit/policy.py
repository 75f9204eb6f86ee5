"""What follows from how a call ended. Pure, and the same for every register.

Kept true: what may have happened is never repeated unless repeating is harmless by the manifest; what surely did not
happen is tried again until the deadline, however often; nothing that pauses the register spends a try.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from wanderamt.kernel.decision import Attempt, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened

from connector_kit.manifest import Effect, Kind, Operation
from connector_kit.verdict import (
    Ambiguous,
    AuthFailed,
    Done,
    Malformed,
    NotDone,
    NotFound,
    Rejected,
    RetryLater,
    Throttled,
    Unknown,
    Verdict,
)

SCHEDULE_S: Final = (30.0, 120.0, 600.0, 1800.0, 3600.0)
THROTTLED_S: Final = 60.0
LOOK_S: Final = 30.0  # before a probe: a register that was slow may still be at it


class Beat(StrEnum):
    """What the next call is for."""

    CALL = "call"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Ended:
    """There is an answer."""

    verdict: Done | NotFound | Rejected | Ambiguous  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True)
class ForHuman:
    """Nobody can know what happened there but a human who asks."""

    code: str


Step: TypeAlias = Ended | ForHuman | Retry | MayHaveHappened


def next_beat(operation: Operation, attempt: Attempt) -> Beat | ForHuman:
    """What to do with a job that was claimed. `attempt.interrupted`: the last call may have happened."""
    if not attempt.interrupted:
        return Beat.CALL
    match operation.effect:
        case Effect.NATURAL | Effect.KEY:
            return Beat.CALL
        case Effect.PROBE:
            return Beat.PROBE
        case Effect.UNSAFE:
            return ForHuman("interrupted")


def after(operation: Operation, verdict: Verdict, attempt: Attempt, *, beat: Beat = Beat.CALL) -> Step:
    """A probe that got no answer leaves things as they were: the order may have happened.

    A register that says when is believed, but for an hour at most: it may say "next year".
    """
    match verdict:
        case Done() | NotFound() | Rejected() | Ambiguous():
            return Ended(verdict)
        case NotDone():
            return Retry(0.0, "not_done")
        case RetryLater(code, after_s):
            wait_s = later(attempt) if after_s is None else min(after_s, SCHEDULE_S[-1])
        case Throttled(after_s):
            code, wait_s = "throttled", THROTTLED_S if after_s is None else min(after_s, SCHEDULE_S[-1])
        case AuthFailed(code):
            code, wait_s = f"not let in: {code}", later(attempt)
        case Unknown(code) | Malformed(code):
            return _may_have_happened(operation, code, attempt)
        case never:
            assert_never(never)
    return MayHaveHappened(wait_s, code) if beat is Beat.PROBE else Retry(wait_s, code)


def too_late(operation: Operation, *, maybe: bool) -> ForHuman | None:
    """When the deadline has passed: None is an answer that there is none. `maybe`: a call of it may have happened."""
    return ForHuman("deadline") if maybe and operation.kind is not Kind.LOOKUP else None


def later(attempt: Attempt) -> float:
    """Seconds until the next try; the runner adds its jitter."""
    return SCHEDULE_S[min(attempt.number, len(SCHEDULE_S)) - 1]


def _may_have_happened(operation: Operation, code: str, attempt: Attempt) -> Step:
    match operation.effect:
        case Effect.NATURAL | Effect.KEY:
            return Retry(later(attempt), code)
        case Effect.PROBE:
            return MayHaveHappened(LOOK_S, code)
        case Effect.UNSAFE:
            return ForHuman(code)
