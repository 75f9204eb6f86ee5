"""Turns what a handler said into an answer."""

from typing import TypeVar

from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.problems import Refused

T = TypeVar("T")


def told(outcome: T | Refusal) -> T:
    """Raises Refused, which also rolls the transaction back."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return outcome
