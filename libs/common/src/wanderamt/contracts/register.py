"""Topic register.v1, owned by registry-bridge: what registers answered."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class Verdict(StrEnum):
    """How a request ended. A locked person and an unknown one are both `not_found`."""

    CONFIRMED = "confirmed"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class RegisterAnswered(Event):
    """The register gave an answer, or none before the deadline (`unavailable`).

    `code`: the register's own word for why not, or ours; never a text.
    """

    TYPE: ClassVar[str] = "at.wanderamt.register.answered.v1"
    TOPIC: ClassVar[str] = "register.v1"
    AGGREGATE: ClassVar[str] = "request_id"

    request_id: UUID
    case_id: UUID
    register_name: str
    verdict: Verdict
    answer: Sealed | None = None
    code: str | None = None
    as_of: AwareDatetime


class RegisterWeatherChanged(Event):
    """A register is another than it was: crews look before they promise something.

    `sky`: fair, slow, down, closed or full. `wait_s`: seconds until what is asked now would be answered.
    """

    TYPE: ClassVar[str] = "at.wanderamt.register.weather-changed.v1"
    TOPIC: ClassVar[str] = "register.v1"
    AGGREGATE: ClassVar[str] = "register_id"

    register_id: UUID
    register_name: str
    sky: str
    waiting: int
    oldest: AwareDatetime | None = None
    wait_s: float
    reason: str = ""
    since: AwareDatetime
