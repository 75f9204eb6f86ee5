"""The closed set of events of a case. Its history is a list of them; nobody changes or removes an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import Language, VisitReason
from wanderamt.kernel.ids import DeviceId, DocumentId, RequestId, StandId

from intake.domain.catalogue.service_definition import Handling, Identification
from intake.domain.catalogue.types import FactValue

FieldValue = FactValue | None  # None: the field is empty
Form = Mapping[str, FieldValue]


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
    request_id: RequestId
    register_name: str
    operation: str
    purpose: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class RegisterConfirmed:
    request_id: RequestId


@dataclass(frozen=True, slots=True)
class ProvisionalDocumentGiven:
    """The device printed a provisional document with a number of its block. `issued_at`: as printed and sealed."""

    document_id: DocumentId
    number: str
    issued_at: datetime | None = None  # unknown for papers of earlier releases


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
    """The provisional document is revoked; the city owes the fee back."""

    reason: VisitReason
    refund_cents: int


@dataclass(frozen=True, slots=True)
class SentToVisit:
    reason: VisitReason
    deadline: datetime


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
    | ProvisionalDocumentGiven
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
