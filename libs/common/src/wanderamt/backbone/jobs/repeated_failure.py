"""When a job that fails again and again is not tried any more: a failure that repeats is not waited out.

Invariants: only exceptions count, never a pause or a refusal to start; an attempt that ends differently begins the
count anew. Time-outs and broken connections do not count: they pass, and the deadline of the job bounds them.
"""

from typing import Final

from wanderamt.backbone.jobs.queue import ClaimedJob, backoff
from wanderamt.kernel.decision import KeepsFailing, OutcomeUnknown, RetryLater

MAX_IN_A_ROW: Final = 8  # with the waits between attempts some 20 minutes
PASSING: Final = (TimeoutError, ConnectionError)
_SUFFIX: Final = " times in a row"


def after_prepare(claimed: ClaimedJob, error: Exception) -> RetryLater | KeepsFailing:
    """What becomes of a job whose preparation raised `error`."""
    reason, in_a_row = _counted(claimed, error, "prepare")
    return KeepsFailing(reason) if in_a_row >= MAX_IN_A_ROW else RetryLater(backoff(claimed.attempt), reason)


def after_execute(claimed: ClaimedJob, error: Exception) -> OutcomeUnknown | KeepsFailing:
    """What becomes of a job whose execution raised `error`."""
    reason, in_a_row = _counted(claimed, error, "execute")
    return KeepsFailing(reason) if in_a_row >= MAX_IN_A_ROW else OutcomeUnknown(backoff(claimed.attempt), reason)


def _counted(claimed: ClaimedJob, error: Exception, step: str) -> tuple[str, int]:
    """The reason with the number of attempts that ended so, which the job's row keeps for the next attempt."""
    reason = f"{type(error).__name__} in {step}"
    if isinstance(error, PASSING):
        return reason, 1
    in_a_row = _in_a_row(claimed.last_error, reason) + 1
    return (f"{reason}, {in_a_row}{_SUFFIX}" if in_a_row > 1 else reason), in_a_row


def _in_a_row(last_error: str, reason: str) -> int:
    if last_error == reason:
        return 1
    count = last_error.removeprefix(f"{reason}, ").removesuffix(_SUFFIX)
    return int(count) if count.isascii() and count.isdigit() else 0
