"""Topic case.v1, owned by intake: what happens to a case."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class Language(StrEnum):
    DE = "de"
    EN = "en"


class CaseEvent(Event):
    TOPIC: ClassVar[str] = "case.v1"
    AGGREGATE: ClassVar[str] = "case_id"

    case_id: UUID


CODE_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that looks like another
CODE_LENGTH = 10


def case_code(case_id: UUID) -> str:
    """What a citizen calls the case by, such as 7K3MZ-Q8XWT: the last 50 bits of its id, known offline too."""
    number = case_id.int & ((1 << 5 * CODE_LENGTH) - 1)
    signs = [CODE_SIGNS[number >> 5 * place & 31] for place in reversed(range(CODE_LENGTH))]
    return f"{''.join(signs[:5])}-{''.join(signs[5:])}"


def plain_code(text: str) -> str:
    """A code as it is kept, from what people write: small letters, blanks, no dash; O for 0, I and L for 1."""
    signs = "".join(one for one in text.upper() if one.isalnum()).translate(str.maketrans("OIL", "011"))
    return f"{signs[:5]}-{signs[5:]}"


class CaseOpened(CaseEvent):
    """A citizen's wish was taken at a stand."""

    TYPE: ClassVar[str] = "at.wanderamt.case.opened.v1"

    service: str
    stand_id: UUID
    language: Language
    captured_at: AwareDatetime
    contact: Sealed | None = None
    appointment_id: UUID | None = Field(None, description="The appointment that the citizen came for.")


class RegisterRequested(CaseEvent):
    """The case needs an answer from a register. Carries the question, so that nobody has to ask intake back."""

    TYPE: ClassVar[str] = "at.wanderamt.case.register-requested.v1"

    request_id: UUID
    register_name: str
    operation: str
    question: Sealed
    purpose: str
    officer: str
    deadline: AwareDatetime
    assertion: str | None = Field(None, description="By intake: that this officer asks this, for this case.")


class CaseFinished(CaseEvent):
    """The case is final: the citizen has what they came for, or it is on its way as a document."""

    TYPE: ClassVar[str] = "at.wanderamt.case.finished.v1"

    service: str
    stand_id: UUID
    finished_at: AwareDatetime


class VisitReason(StrEnum):
    NOT_FOUND = "not_found"
    REGISTER_UNAVAILABLE = "register_unavailable"
    REGISTER_REFUSED = "register_refused"


class CaseNeedsVisit(CaseEvent):
    """The case cannot end at the stand: the citizen is asked to come again or to an office."""

    TYPE: ClassVar[str] = "at.wanderamt.case.needs-visit.v1"

    service: str
    stand_id: UUID
    language: Language
    reason: VisitReason
    contact: Sealed | None = None
    decided_at: datetime


class CaseCompensated(CaseEvent):
    """The register said no after a provisional paper was given: the paper is void and `refund_cents` are owed back."""

    TYPE: ClassVar[str] = "at.wanderamt.case.compensated.v1"

    service: str
    stand_id: UUID
    language: Language
    reason: VisitReason
    refund_cents: int
    contact: Sealed | None = None
    decided_at: AwareDatetime


class CaseWithdrawn(CaseEvent):
    """The citizen does not want it any more. `refund_cents` are owed back."""

    TYPE: ClassVar[str] = "at.wanderamt.case.withdrawn.v1"

    service: str
    stand_id: UUID
    refund_cents: int
    withdrawn_at: AwareDatetime


class CaseHandedOver(CaseEvent):
    """Somebody else owns it now: it was given to them, or (`overdue`) its owner let the deadline pass."""

    TYPE: ClassVar[str] = "at.wanderamt.case.handed-over.v1"

    service: str
    stand_id: UUID
    owner: str
    deadline: AwareDatetime
    overdue: bool


class CaseReopened(CaseEvent):
    """A case that had ended goes on."""

    TYPE: ClassVar[str] = "at.wanderamt.case.reopened.v1"

    service: str
    stand_id: UUID
    owner: str
    deadline: AwareDatetime


class CaseClosed(CaseEvent):
    """Nothing is expected any more: retention runs from here."""

    TYPE: ClassVar[str] = "at.wanderamt.case.closed.v1"

    service: str
    stand_id: UUID
    closed_at: AwareDatetime
