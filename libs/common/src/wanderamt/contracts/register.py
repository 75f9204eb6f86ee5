"""Topic register.v1, owned by registry-bridge: answers and availability of registers."""

from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from pydantic import AwareDatetime, Field

from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed

AMBIGUOUS: Final = "ambiguous"  # code of a refusal: several records match, so that the question needs more details


class RegisterOutcome(StrEnum):
    """The result of a request. A person with an information block and an unknown person are both `not_found`."""

    CONFIRMED = "confirmed"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


FAULTS_OF_OURS: Final = frozenset({"no_bridge", "no_operation", "no_purpose", "question_invalid"})
"""Codes of questions that no register got: the catalogue and the bridges do not fit together."""


class RegisterAnswered(Event):
    """The register answered, or did not answer before the deadline (`unavailable`).

    `code`: the reason of a negative outcome, as a code of the register or of this system; never free text. The only
    event of its request.
    """

    TYPE: ClassVar[str] = "at.wanderamt.register.answered.v1"
    TOPIC: ClassVar[str] = "register.v1"
    AGGREGATE: ClassVar[str] = "request_id"

    request_id: UUID
    case_id: UUID
    register_name: str
    outcome: RegisterOutcome
    answer: Sealed | None = None
    code: str | None = None
    as_of: AwareDatetime
    proof: str | None = Field(
        None, description="Made by the registry bridge: it gave exactly this answer. Without it the answer is refused."
    )


class RegisterAvailabilityChanged(Event):
    """The availability of a register changed.

    `status`: up, slow, down, maintenance or throttled. `waiting`: requests in the queue, `oldest` since when.
    `wait_s`: seconds until a new request would be answered.
    """

    TYPE: ClassVar[str] = "at.wanderamt.register.availability-changed.v1"
    TOPIC: ClassVar[str] = "register.v1"
    AGGREGATE: ClassVar[str] = "register_id"

    register_id: UUID
    register_name: str
    status: str
    waiting: int
    oldest: AwareDatetime | None = None
    wait_s: float
    reason: str = ""
    since: AwareDatetime
