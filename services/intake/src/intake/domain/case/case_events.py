"""The closed set of events of a case. Its history is a list of them; nobody changes or removes an event."""

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
)
