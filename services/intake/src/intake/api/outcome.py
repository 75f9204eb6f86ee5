"""Outcomes of handlers, as HTTP tells them."""

from typing import Any

from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.problems import Refused


def told(outcome: Any) -> Any:
    """The outcome, or Refused with the refusal it is."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return outcome
