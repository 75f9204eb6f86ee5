"""Entries of the field app: actions of the crew, recorded on the device before it sends them.

Invariants: parsing never raises; each entry becomes an Entry or an UnreadableEntry with a refusal, so that one bad
entry does not affect the others of its request.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    StrictBool,
    StrictInt,
    TypeAdapter,
    ValidationError,
)
from service_catalogue.models import Code
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import FieldValue, PaymentMethod
from intake.domain.catalogue.service_definition import Handling, Identification
from intake.domain.numbers import NumberSeries
from intake.domain.refusals import ENTRY_TOO_LARGE, INVALID_ENTRY, MALFORMED_ENTRY, UNKNOWN_TYPE

MAX_ENTRY_BYTES = 1024 * 1024
PHONE_PATTERN = r"^\+[1-9][0-9]{6,14}$"
TRACE_PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
NUMBER_PATTERN = r"^[A-Z]{2}-[0-9]{4}-[0-9]{7}-[0-9]$"

BPK_PATTERN = r"^[A-Za-z0-9+/]{27}=$"  # 20 bytes in base64
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"  # registers and printers reject control characters
MAX_SERIAL = 2**31 - 1

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]
Answer = StrictBool | StrictInt | Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)]
ReceiptNumber = Annotated[str, Field(pattern=NUMBER_PATTERN, examples=["BE-2026-0000045-9"])]
BpkText = Annotated[
    str,
    Field(
        pattern=BPK_PATTERN,
        description="Identifier of the person in the sector of the service, from the eID. Never the source number.",
        examples=["MswQO/UhO5RG+nR+klaOTsVY+CU="],
    ),
]
DocumentNumber = Annotated[str, Field(pattern=NUMBER_PATTERN, examples=["UK-2026-0000123-4"])]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ApplicantBody(_Strict):
    """The applicant. If day or month of birth are unknown, only the year: nobody invents a day."""

    given_name: Name
    family_name: Name
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class ContactBody(_Strict):
    phone: str | None = Field(None, pattern=PHONE_PATTERN, description="E.164, such as +4373212345")
    email: EmailStr | None = None
    prefer: Literal["sms", "email"] | None = Field(None, description="Preferred channel.")
    language: str | None = Field(
        None, pattern=r"^[a-z]{2}$", description="Language of messages; documents have their own."
    )
    consent: str | None = Field(
        None, pattern=r"^[\w.-]{1,40}$", description="Version of the consent text; without consent no message is sent."
    )


class SeenDocumentBody(_Strict):
    """`attachment_id`: the scan, uploaded as an attachment before or after this entry."""

    code: Code
    handling: Handling
    attachment_id: UUID | None = None


class PaymentBody(_Strict):
    """The charged fee. `receipt`: number of the receipt, of a block of this device.

    `till_id`: the till that took the money; intake may learn of the till before or after this entry.
    """

    cents: int = Field(ge=0, le=10_000_000)
    payment: PaymentMethod
    receipt: ReceiptNumber
    till_id: UUID | None = None


class ProvisionalBody(_Strict):
    """A document that the device printed before the register answered."""

    document_id: UUID
    number: DocumentNumber


class OpenBody(_Strict):
    """All fields except the service may follow later. Present ones run in the order of the service's steps."""

    service: str = Field(max_length=80)
    language: Language = Language.DE
    number: str | None = Field(None, pattern=NUMBER_PATTERN, description="File number, of a block of this device.")
    appointment_id: UUID | None = Field(None, description="The appointment that the citizen came for.")
    applicant: ApplicantBody | None = None
    contact: ContactBody = ContactBody()
    facts: dict[Code, Answer] = Field(default_factory=dict, max_length=50, json_schema_extra={"default": {}})
    identified: Identification | None = None
    papers: tuple[SeenDocumentBody, ...] = Field((), max_length=50)
    paid: PaymentBody | None = None
    provisional: ProvisionalBody | None = None


class ApplicantFields(_Strict):
    given_name: Name = ""
    family_name: Name = ""
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class FillBody(_Strict):
    """The changed fields only; null empties a field."""

    applicant: ApplicantFields = ApplicantFields()
    contact: ContactBody = ContactBody()
    facts: dict[Code, Answer | None] = Field(default_factory=dict, max_length=50, json_schema_extra={"default": {}})


class IdentifyBody(_Strict):
    level: Identification


class HandOverBody(_Strict):
    to: str = Field(min_length=1, max_length=100, pattern=NO_CONTROLS)
    reason: str = Field(min_length=1, max_length=500, pattern=NO_CONTROLS)
    deadline: AwareDatetime


class NoBody(_Strict):
    pass


class Entry(_Strict):
    """`device_seq` has no gaps per device, `case_seq` none per case and device. `captured_at` never decides an order.

    `base_version`: the case version that the author saw, 0 for none. The author always saw the device's own entries.
    """

    entry_id: UUID
    case_id: UUID
    device_seq: int = Field(ge=1, le=2**53)
    case_seq: int = Field(ge=1, le=MAX_SERIAL)
    base_version: int = Field(0, ge=0, le=MAX_SERIAL)
    stand_id: UUID
    captured_at: AwareDatetime
    traceparent: str | None = Field(None, pattern=TRACE_PATTERN, description="W3C trace context of the tap")
    type: str

    @property
    def payload_hash(self) -> bytes:
        """SHA-256 of the content without `traceparent`, which differs when the device sends the entry again."""
        exclude = _TRACEPARENT if "traceparent" in self.model_fields_set else None
        return hashlib.sha256(self.__pydantic_serializer__.to_json(self, exclude=exclude, exclude_unset=True)).digest()


_TRACEPARENT = {"traceparent"}


class OpenCase(Entry):
    type: Literal["case.open"]
    body: OpenBody


class FillCase(Entry):
    type: Literal["case.fill"]
    body: FillBody


class IdentifyApplicant(Entry):
    type: Literal["case.identify"]
    body: IdentifyBody


class SeeRequiredDocument(Entry):
    type: Literal["case.see_paper"]
    body: SeenDocumentBody


class TakeFee(Entry):
    type: Literal["case.pay"]
    body: PaymentBody


class GiveProvisional(Entry):
    type: Literal["case.give_provisional"]
    body: ProvisionalBody


class HandOver(Entry):
    type: Literal["case.hand_over"]
    body: HandOverBody


class Withdraw(Entry):
    type: Literal["case.withdraw"]
    body: NoBody = NoBody()


AnyEntry = (
    OpenCase | FillCase | IdentifyApplicant | SeeRequiredDocument | TakeFee | GiveProvisional | HandOver | Withdraw
)
ENTRY: TypeAdapter[AnyEntry] = TypeAdapter(Annotated[AnyEntry, Field(discriminator="type")])
TYPES = frozenset(
    str(entry_type.model_fields["type"].annotation.__args__[0])  # type: ignore[union-attr]
    for entry_type in (
        OpenCase,
        FillCase,
        IdentifyApplicant,
        SeeRequiredDocument,
        TakeFee,
        GiveProvisional,
        HandOver,
        Withdraw,
    )
)


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry that cannot be parsed: the id it claims, if any, the reason and the raw bytes."""

    entry_id: UUID | None
    refusal: Refusal
    errors: tuple[str, ...]
    raw: bytes


def form_of(body: OpenBody | FillBody) -> dict[str, FieldValue]:
    """The present fields by their names in the form. Dates among the facts are still text."""
    form: dict[str, FieldValue] = {}
    for part, fields in (("applicant", body.applicant), ("contact", body.contact)):
        if fields:
            present = fields.model_fields_set
            form |= {f"{part}.{name}": value for name, value in vars(fields).items() if name in present}
    return form | {f"facts.{code}": value for code, value in body.facts.items()}


def numbers_of(entry: AnyEntry) -> list[tuple[str, NumberSeries]]:
    """The numbers that the device used in the entry, and the series that each must belong to."""
    match entry:
        case OpenCase(body=body):
            numbers = [
                (body.number, NumberSeries.FILE),
                (body.paid.receipt if body.paid else None, NumberSeries.RECEIPT),
                (body.provisional.number if body.provisional else None, NumberSeries.DOCUMENT),
            ]
            return [(number, series) for number, series in numbers if number]
        case TakeFee(body=payment):
            return [(payment.receipt, NumberSeries.RECEIPT)]
        case GiveProvisional(body=document):
            return [(document.number, NumberSeries.DOCUMENT)]
    return []


def parse_line(line: bytes) -> AnyEntry | UnreadableEntry:
    """One entry from one line of NDJSON."""
    if len(line) > MAX_ENTRY_BYTES:
        return UnreadableEntry(None, ENTRY_TOO_LARGE, (), line)
    try:
        return ENTRY.validate_json(line)
    except ValidationError:
        return _explain(line)


def _explain(line: bytes) -> AnyEntry | UnreadableEntry:
    """The slow path for invalid lines: parses them again to explain each fault."""
    try:
        return parse_value(json.loads(line))
    except (ValueError, RecursionError):
        return UnreadableEntry(None, MALFORMED_ENTRY, (), line)


def parse_value(value: object) -> AnyEntry | UnreadableEntry:
    """One entry from parsed JSON."""
    raw = json.dumps(value).encode()
    if not isinstance(value, dict):
        return UnreadableEntry(None, INVALID_ENTRY, ("entry: must be an object",), raw)
    claimed = _claimed_id(value)
    if len(raw) > MAX_ENTRY_BYTES:
        return UnreadableEntry(claimed, ENTRY_TOO_LARGE, (), raw)
    if not isinstance(value.get("type"), str) or value["type"] not in TYPES:
        return UnreadableEntry(claimed, UNKNOWN_TYPE, (), raw)
    try:
        return ENTRY.validate_json(raw)
    except ValidationError as error:
        errors = tuple(
            f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}"  # loc[0] is the entry's type
            for problem in error.errors(include_input=False)
        )
        return UnreadableEntry(claimed, INVALID_ENTRY, errors, raw)


def _claimed_id(value: dict[str, object]) -> UUID | None:
    try:
        return UUID(str(value.get("entry_id")))
    except ValueError:
        return None
