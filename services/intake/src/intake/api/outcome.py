"""Outcomes of handlers, as HTTP tells them, and what handlers need of a caller."""

from typing import Any

from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.tokens import Caller
from wanderamt.shell.problems import Refused

from intake.domain.refusals import NOT_ENROLLED


def at_stand(caller: Caller) -> tuple[DeviceId, StandId]:
    """The device and the stand of the token. Raises Refused for a caller without."""
    if not caller.device_id or not caller.stand_id:
        raise Refused(NOT_ENROLLED)
    return DeviceId(caller.device_id), StandId(caller.stand_id)


def told(outcome: Any) -> Any:
    """The outcome, or Refused with the refusal it is."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return outcome
