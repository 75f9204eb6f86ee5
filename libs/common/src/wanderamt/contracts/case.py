"""Topic case.v1, owned by intake: the life of a case."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class Language(StrEnum):
    DE = "de"
    EN = "en"


class CaseEvent(Event):
    TOPIC: ClassVar[str] = "case.v1"
    AGGREGATE: ClassVar[str] = "case_id"

    case_id: UUID


CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no two characters look alike
CODE_LENGTH = 10


def case_code(case_id: UUID) -> str:
    """The code by which a citizen names the case, such as 7K3MZ-Q8XWT: the last 50 bits of its id. Works offline."""
    number = case_id.int & ((1 << 5 * CODE_LENGTH) - 1)
    signs = [CODE_ALPHABET[number >> 5 * place & 31] for place in reversed(range(CODE_LENGTH))]
    return f"{''.join(signs[:5])}-{''.join(signs[5:])}"


def normalize_case_code(text: str) -> str:
    """A code in its stored form, from what people type: small letters, blanks, no dash; O for 0, I and L for 1."""
    signs = "".join(sign for sign in text.upper() if sign.isalnum()).translate(str.maketrans("OIL", "011"))
    return f"{signs[:5]}-{signs[5:]}"


class AllowedQuery(BaseModel):
    """A question to a register that the case's service may ask, and the law that allows it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    register_name: str
    operation: str
    purpose: str


class CaseOpened(CaseEvent):
    """A crew recorded a citizen's request at a stand."""

    TYPE: ClassVar[str] = "at.wanderamt.case.opened.v1"

    service: str
    stand_id: UUID
    language: Language
    captured_at: AwareDatetime
    contact: Sealed | None = None
    appointment_id: UUID | None = Field(None, description="The appointment that the citizen came for.")
    queries: tuple[AllowedQuery, ...] = Field(
        (), description="What the case's edition of the service may ask registers."
    )
    applicant_hash: str = Field("", description="Keyed hash of the applicant's name and birth; empty: not named yet.")


class CaseApplicantChanged(CaseEvent):
    """The crew named or corrected the applicant of an open case. Nobody can read a name from the hash."""

    TYPE: ClassVar[str] = "at.wanderamt.case.applicant-changed.v1"

    applicant_hash: str = Field(description="As in case.opened; empty: the name was removed.")


class RegisterQueryRequested(CaseEvent):
    """The case needs an answer from a register. Carries the whole question, so that no service has to query intake."""

    TYPE: ClassVar[str] = "at.wanderamt.case.register-query-requested.v1"

    request_id: UUID
    register_name: str
    operation: str
    question: Sealed
    purpose: str
    officer: str
    deadline: AwareDatetime
    assertion: str | None = Field(None, description="Signed by intake: this officer asks this question for this case.")


class CaseCompleted(CaseEvent):
    """The case has reached its goal: the citizen has the result, or the result is on its way as a document."""

    TYPE: ClassVar[str] = "at.wanderamt.case.completed.v1"

    service: str
    stand_id: UUID
    completed_at: AwareDatetime


class VisitReason(StrEnum):
    NOT_FOUND = "not_found"
    REGISTER_UNAVAILABLE = "register_unavailable"
    REGISTER_REFUSED = "register_refused"


Explanation = Annotated[
    dict[str, str],
    Field(description="The sentence that the citizen gets, by language; of the catalogue: it names nobody."),
]


class CaseNeedsVisit(CaseEvent):
    """The case cannot be completed at the stand: the citizen must come again, or go to an office."""

    TYPE: ClassVar[str] = "at.wanderamt.case.needs-visit.v1"

    service: str
    stand_id: UUID
    language: Language
    reason: VisitReason
    explanation: Explanation | None = None
    contact: Sealed | None = None
    decided_at: datetime


class CaseCompensated(CaseEvent):
    """The register refused after a provisional document was issued: it is void, and `refund_cents` are owed back."""

    TYPE: ClassVar[str] = "at.wanderamt.case.compensated.v1"

    service: str
    stand_id: UUID
    language: Language
    reason: VisitReason
    explanation: Explanation | None = None
    refund_cents: int
    contact: Sealed | None = None
    decided_at: AwareDatetime


class CaseWithdrawn(CaseEvent):
    """The citizen withdrew the request. `refund_cents` are owed back."""

    TYPE: ClassVar[str] = "at.wanderamt.case.withdrawn.v1"

    service: str
    stand_id: UUID
    refund_cents: int
    withdrawn_at: AwareDatetime


class CaseHandedOver(CaseEvent):
    """The case has a new owner: by assignment, or (`overdue`) because its owner missed the deadline."""

    TYPE: ClassVar[str] = "at.wanderamt.case.handed-over.v1"

    service: str
    stand_id: UUID
    owner: str
    deadline: AwareDatetime
    overdue: bool


class CaseReopened(CaseEvent):
    """Work on a case that had ended continues."""

    TYPE: ClassVar[str] = "at.wanderamt.case.reopened.v1"

    service: str
    stand_id: UUID
    owner: str
    deadline: AwareDatetime
    queries: tuple[AllowedQuery, ...] = Field(
        (), description="What the case's edition of the service may ask registers."
    )
    applicant_hash: str = Field("", description="Keyed hash of the applicant's name and birth; empty: not named yet.")


class CaseClosed(CaseEvent):
    """No further work is expected. The retention period starts."""

    TYPE: ClassVar[str] = "at.wanderamt.case.closed.v1"

    service: str
    stand_id: UUID
    closed_at: AwareDatetime


class DueDateKind(StrEnum):
    """deadline: until when the citizen had to apply. obligation: what the citizen must still do after the case."""

    DEADLINE = "deadline"
    OBLIGATION = "obligation"


TextByLanguage = Annotated[dict[str, str], Field(description="By language; of the catalogue: it names nobody.")]


class PublicDueDate(BaseModel):
    """`code`: of the obligation in the case's edition of the service."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    titles: TextByLanguage
    due_at: AwareDatetime


class CaseDueDatesSet(CaseEvent):
    """The case has ended, and the citizen must still do this. It replaces what was set for the case before."""

    TYPE: ClassVar[str] = "at.wanderamt.case.due-dates-set.v1"

    service: str
    stand_id: UUID
    due_dates: tuple[PublicDueDate, ...]


class CaseReminderDue(CaseEvent):
    """An obligation is due soon: now is the time to remind the citizen."""

    TYPE: ClassVar[str] = "at.wanderamt.case.reminder-due.v1"

    service: str
    stand_id: UUID
    language: Language
    code: str
    titles: TextByLanguage
    sentence: TextByLanguage
    due_at: AwareDatetime
    contact: Sealed | None = None


class CaseDueDateMet(CaseEvent):
    """The citizen has done what was due."""

    TYPE: ClassVar[str] = "at.wanderamt.case.due-date-met.v1"

    service: str
    stand_id: UUID
    code: str
    met_at: AwareDatetime


class CaseDueDateMissed(CaseEvent):
    """The citizen applied too late, or has not done in time what was due. `sentence`: of an obligation's reminder."""

    TYPE: ClassVar[str] = "at.wanderamt.case.due-date-missed.v1"

    service: str
    stand_id: UUID
    language: Language
    kind: DueDateKind
    code: str
    titles: TextByLanguage
    sentence: TextByLanguage | None = None
    due_at: AwareDatetime
    contact: Sealed | None = None


class CaseDeleted(CaseEvent):
    """The retention period of the closed case is over: whoever holds something about it drops that. Its last event."""

    TYPE: ClassVar[str] = "at.wanderamt.case.deleted.v1"

    service: str
    deleted_at: AwareDatetime


class CaseTakenToStand(CaseEvent):
    """An officer of the stand `taken_to` continues the case there, too. `stand_id`: where it was opened."""

    TYPE: ClassVar[str] = "at.wanderamt.case.taken-to-stand.v1"

    service: str
    stand_id: UUID
    taken_to: UUID
    taken_at: AwareDatetime
