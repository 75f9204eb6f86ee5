"""The closed set of events of a case. Its history is a list of them; nobody changes or removes an event, but at the end
of a retention period: see docs/decisions/0032.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from wanderamt.contracts import Language, VisitReason
from wanderamt.kernel.ids import DeviceId, DocumentId, RequestId, StandId

from intake.domain.catalogue.service_definition import Handling, Identification

FieldValue = JsonValue | date  # None: the field is empty; a date: the applicant's date of birth
Form = Mapping[str, FieldValue]
FIRST_CALL = "residence"  # of a history that an earlier release wrote: its services had this call alone


class PaymentMethod(StrEnum):
    CASH = "cash"
    CARD = "card"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Opened:
    service: str
    edition: str
    stand_id: StandId
    device_id: DeviceId
    language: Language
    owner: str
    captured_at: datetime
    application_day: date
    number: str | None
    deadline: datetime
    appointment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """Form fields that were set or emptied, such as `contact.phone` or `facts.channel`. Encrypted in the database."""

    fields: Form


@dataclass(frozen=True, slots=True)
class Identified:
    level: Identification


@dataclass(frozen=True, slots=True)
class RequiredDocumentSeen:
    """The crew saw a document that the citizen had to bring. `attachment_id`: its scan, perhaps still on the device."""

    code: str
    handling: Handling
    attachment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RegisterAsked:
    """`call`: of the edition. `command`: it writes into the register. `undo`: it takes back what the call wrote."""

    request_id: RequestId
    register_name: str
    operation: str
    purpose: str
    deadline: datetime
    call: str = FIRST_CALL
    command: bool = False
    undo: bool = False


@dataclass(frozen=True, slots=True)
class RegisterConfirmed:
    """The call is done. Its answer is among the fields that were filled with it."""

    request_id: RequestId
    call: str = FIRST_CALL


@dataclass(frozen=True, slots=True)
class CallSkipped:
    """The register had no answer, and the case goes on without."""

    call: str


@dataclass(frozen=True, slots=True)
class CallBlocked:
    """The call, or its undo, needs an operator: a fault of ours, not of the citizen. `code`: which."""

    call: str
    code: str
    owner: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class CallsOutdated:
    """What these calls depend on has changed, or somebody wants them repeated. `again`: asked again. `undo`: commands
    that were done, and are undone before they are asked again."""

    again: tuple[str, ...]
    undo: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallUndone:
    call: str


@dataclass(frozen=True, slots=True)
class ProvisionalDocumentGiven:
    """The device printed a provisional document with a number of its block. `issued_at`: as printed and sealed."""

    document_id: DocumentId
    number: str
    issued_at: datetime | None = None  # unknown for papers of earlier releases


@dataclass(frozen=True, slots=True)
class ProvisionalRevoked:
    """What is printed on the provisional document was corrected: it is void, and the crew prints another one."""

    document_id: DocumentId


@dataclass(frozen=True, slots=True)
class Paid:
    """`receipt`: number of the receipt, of a block of the device. `till_id`: the till that took the money."""

    cents: int
    payment: PaymentMethod
    receipt: str
    till_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    pass


@dataclass(frozen=True, slots=True)
class Compensated:
    """The provisional document is revoked; the city owes the fee back. `call`, `because`: as in SentToVisit."""

    reason: VisitReason
    refund_cents: int
    call: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class SentToVisit:
    """`call`: whose answer it was, if any. `because`: see intake.domain.case.explanations."""

    reason: VisitReason
    deadline: datetime
    call: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class HandedOver:
    owner: str
    reason: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Withdrawn:
    refund_cents: int


@dataclass(frozen=True, slots=True)
class Closed:
    pass


@dataclass(frozen=True, slots=True)
class Reopened:
    owner: str
    reason: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Overdue:
    """The deadline passed without an action of the owner."""

    owner: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class TakenToStand:
    """An officer of another stand continues the case there. `reason`: as written."""

    stand_id: StandId
    reason: str


@dataclass(frozen=True, slots=True)
class JudgedDeadline:
    """`missed`: the citizen applied too late for it, or too early."""

    code: str
    due_at: datetime
    missed: bool


@dataclass(frozen=True, slots=True)
class DeadlinesJudged:
    """All deadlines that apply, as far as the facts are known. `applied_at`: when the citizen applied."""

    deadlines: tuple[JudgedDeadline, ...]
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class ObligationToMeet:
    code: str
    due_at: datetime
    remind_at: datetime


@dataclass(frozen=True, slots=True)
class ObligationsSet:
    """What the citizen must still do after the case."""

    obligations: tuple[ObligationToMeet, ...]


@dataclass(frozen=True, slots=True)
class ObligationReminded:
    """It was time to remind the citizen."""

    code: str
    reminded_at: datetime


@dataclass(frozen=True, slots=True)
class ObligationFulfilled:
    """`attachment_id`: its proof, perhaps still on the device. `reason`: of the back office, as written."""

    code: str
    met_at: datetime
    attachment_id: UUID | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ObligationMissed:
    """`owner` acts until `deadline`, although the case has ended."""

    code: str
    missed_at: datetime
    owner: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class AnswersDeleted:
    """With the end of the case these fields of the form and these photos and scans were deleted, also from the history
    before this event."""

    fields: tuple[str, ...]
    attachments: tuple[UUID, ...]


CaseHistoryEvent = (
    Opened
    | Filled
    | Identified
    | RequiredDocumentSeen
    | RegisterAsked
    | RegisterConfirmed
    | CallSkipped
    | CallBlocked
    | CallsOutdated
    | CallUndone
    | ProvisionalDocumentGiven
    | ProvisionalRevoked
    | Paid
    | Finished
    | Compensated
    | SentToVisit
    | HandedOver
    | Withdrawn
    | Closed
    | Reopened
    | Overdue
    | TakenToStand
    | DeadlinesJudged
    | ObligationsSet
    | ObligationReminded
    | ObligationFulfilled
    | ObligationMissed
    | AnswersDeleted
)
