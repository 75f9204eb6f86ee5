"""The closed set of things that can happen to a case. Its history is a list of them and is never rewritten."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.contracts import Language, VisitReason
from wanderamt.kernel.ids import DeviceId, DocumentId, RequestId, StandId

from intake.domain.catalogue.offer import Handling, Identification
from intake.domain.catalogue.words import FactValue

FieldValue = FactValue | None  # None: the field was emptied
Form = Mapping[str, FieldValue]


class Payment(StrEnum):
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
    """Fields of the form that were set or emptied, such as `contact.phone` or `facts.channel`. Sealed where it lies."""

    fields: Form


@dataclass(frozen=True, slots=True)
class Identified:
    level: Identification


@dataclass(frozen=True, slots=True)
class PaperSeen:
    """`attachment_id`: of its scan, which may still be on the device."""

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
class ReceiptGiven:
    """A provisional document was printed on the device, with a number of its block."""

    document_id: DocumentId
    number: str


@dataclass(frozen=True, slots=True)
class Paid:
    """`receipt`: the receipt's number, of a block of the device; `till_id`: the till the money went into."""

    cents: int
    payment: Payment
    receipt: str
    till_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    pass


@dataclass(frozen=True, slots=True)
class Compensated:
    """What was given provisionally is taken back: the document is void, money is owed back."""

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
    """The clock raised it: its deadline passed and its owner did nothing."""

    owner: str
    deadline: datetime


Happening = (
    Opened
    | Filled
    | Identified
    | PaperSeen
    | RegisterAsked
    | RegisterConfirmed
    | ReceiptGiven
    | Paid
    | Finished
    | Compensated
    | SentToVisit
    | HandedOver
    | Withdrawn
    | Closed
    | Reopened
    | Overdue
)
