"""Entries of the field app: actions of the crew, recorded on the device before it sends them.

Invariants: parsing never raises; each entry becomes an Entry or an UnreadableEntry with a refusal, so that one bad
entry does not affect the others of its request.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field, TypeAdapter, ValidationError
from service_catalogue.models import Code
from wanderamt.contracts import Language
from wanderamt.kernel.bounded import (
    MAX_INT,
    MAX_JSON_INT,
    VERSION_PATTERN,
    BoundedDay,
    BoundedJson,
    BoundedTime,
    ClockTime,
)
from wanderamt.kernel.invalid_fields import invalid_fields
from wanderamt.kernel.line_text import ONE_LINE, LineText
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import FieldValue, PaymentMethod
from intake.domain.catalogue.service_definition import Handling, Identification
from intake.domain.numbers import NumberSeries
from intake.domain.refusals import ENTRY_TOO_LARGE, INVALID_ENTRY, MALFORMED_ENTRY, UNKNOWN_TYPE
from intake.domain.sync_body import MAX_ENTRIES

MAX_ENTRY_BYTES = 1024 * 1024
MAX_SMALL_BODY_BYTES = 256 * 1024
MAX_VALUES = 4_000  # many times those of the longest form; reading millions of small values would take seconds
MAX_ERRORS = 50
MAX_CASE_SEQ = 300  # many times the entries of a long case; each may wait, and all that wait are read together
PHONE_PATTERN = r"^\+[1-9][0-9]{6,14}$"
TRACE_PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
NUMBER_PATTERN = r"^[A-Z]{2}-[0-9]{4}-[0-9]{7}-[0-9]$"
NUMBER_LENGTH = 17
BPK_PATTERN = r"^[A-Za-z0-9+/]{27}=$"  # 20 bytes in base64

Name = Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]
Facts = Annotated[
    dict[Code, BoundedJson],
    Field(
        max_length=60,
        description="Answers by the code of their fact, in the form of its kind; null empties an answer.",
        json_schema_extra={"default": {}},
    ),
]
ReceiptNumber = Annotated[str, Field(max_length=NUMBER_LENGTH, pattern=NUMBER_PATTERN, examples=["BE-2026-0000045-9"])]
BpkText = Annotated[
    str,
    Field(
        max_length=28,
        pattern=BPK_PATTERN,
        description="Identifier of the person in the sector of the service, from the eID. Never the source number.",
        examples=["MswQO/UhO5RG+nR+klaOTsVY+CU="],
    ),
]
DocumentNumber = Annotated[str, Field(max_length=NUMBER_LENGTH, pattern=NUMBER_PATTERN, examples=["UK-2026-0000123-4"])]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class ApplicantBody(_Strict):
    """The applicant. If day or month of birth are unknown, only the year: nobody invents a day."""

    given_name: Name
    family_name: Name
    birth_date: BoundedDay | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class ContactBody(_Strict):
    phone: str | None = Field(None, max_length=16, pattern=PHONE_PATTERN, description="E.164, such as +4373212345")
    email: EmailStr | None = None
    prefer: Literal["sms", "email"] | None = Field(None, description="Preferred channel.")
    language: str | None = Field(
        None, max_length=2, pattern=r"^[a-z]{2}$", description="Language of messages; documents have their own."
    )
    consent: str | None = Field(
        None,
        max_length=40,
        pattern=VERSION_PATTERN,
        description="Version of the consent text; without consent no message is sent.",
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
    issued_at: ClockTime | None = Field(None, description="Time in its seal, whose day is printed; else `captured_at`.")


class OpenBody(_Strict):
    """All fields except the service may follow later. Present ones run in the order of the service's steps."""

    service: str = Field(max_length=80)
    language: Language = Language.DE
    number: str | None = Field(
        None, max_length=NUMBER_LENGTH, pattern=NUMBER_PATTERN, description="File number, of a block of this device."
    )
    appointment_id: UUID | None = Field(None, description="The appointment that the citizen came for.")
    applicant: ApplicantBody | None = None
    contact: ContactBody = ContactBody()
    facts: Facts = Field(default_factory=dict)
    identified: Identification | None = None
    papers: tuple[SeenDocumentBody, ...] = Field((), max_length=50)
    paid: PaymentBody | None = None
    provisional: ProvisionalBody | None = None


class ApplicantFields(_Strict):
    given_name: Name = ""
    family_name: Name = ""
    birth_date: BoundedDay | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class FillBody(_Strict):
    """The changed fields only; null empties a field."""

    applicant: ApplicantFields = ApplicantFields()
    contact: ContactBody = ContactBody()
    facts: Facts = Field(default_factory=dict)


class IdentifyBody(_Strict):
    level: Identification


class HandOverBody(_Strict):
    to: LineText = Field(min_length=1, max_length=100)
    reason: LineText = Field(min_length=1, max_length=500)
    deadline: BoundedTime


class FulfilBody(_Strict):
    """`attachment_id`: the proof, uploaded as an attachment before or after this entry."""

    obligation: Code
    attachment_id: UUID | None = None


class NoBody(_Strict):
    pass


class Entry(_Strict):
    """`device_seq` has no gaps per device, `case_seq` none per case and device. `captured_at` never decides an order.

    `base_version`: the case version that the author saw, 0 for none. The author always saw the device's own entries.
    """

    entry_id: UUID
    case_id: UUID
    device_seq: int = Field(ge=1, le=MAX_JSON_INT)
    case_seq: int = Field(ge=1, le=MAX_CASE_SEQ)
    base_version: int = Field(0, ge=0, le=MAX_INT)
    stand_id: UUID
    captured_at: ClockTime
    traceparent: str | None = Field(
        None, max_length=55, pattern=TRACE_PATTERN, description="W3C trace context of the tap"
    )
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


class FulfilObligation(Entry):
    type: Literal["case.fulfil_obligation"]
    body: FulfilBody


AnyEntry = (
    OpenCase
    | FillCase
    | IdentifyApplicant
    | SeeRequiredDocument
    | TakeFee
    | GiveProvisional
    | HandOver
    | Withdraw
    | FulfilObligation
)
ENTRY: TypeAdapter[AnyEntry] = TypeAdapter(Annotated[AnyEntry, Field(discriminator="type")])


class _SmallBody(BaseModel):
    entries: tuple[Annotated[AnyEntry, Field(discriminator="type")], ...] = Field(min_length=1, max_length=MAX_ENTRIES)


_ENTRIES_KEY = b'"entries"'
TYPES = frozenset(str(entry_type.model_fields["type"].annotation.__args__[0]) for entry_type in get_args(AnyEntry))


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry that cannot be parsed: the ids it claims, if any, the reason and the raw bytes."""

    entry_id: UUID | None
    refusal: Refusal
    errors: tuple[str, ...]
    raw: bytes

    @property
    def case_id(self) -> UUID | None:
        try:
            value = json.loads(self.raw) if len(self.raw) <= MAX_ENTRY_BYTES else None
        except (ValueError, RecursionError):
            return None
        return _claimed_id(value, "case_id") if isinstance(value, dict) else None


def form_of(body: OpenBody | FillBody) -> dict[str, FieldValue]:
    """The present fields by their names in the form; facts as they were sent."""
    form: dict[str, FieldValue] = {}
    for names, fields in ((_APPLICANT_NAMES, body.applicant), (_CONTACT_NAMES, body.contact)):
        if fields:
            present, values = fields.model_fields_set, vars(fields)
            for name, full_name in names:
                if name in present:
                    form[full_name] = values[name]
    for code, value in body.facts.items():
        form[f"facts.{code}"] = value
    return form


_APPLICANT_NAMES = tuple((name, f"applicant.{name}") for name in ApplicantFields.model_fields)
_CONTACT_NAMES = tuple((name, f"contact.{name}") for name in ContactBody.model_fields)


def numbers_of(entry: AnyEntry) -> list[tuple[str, NumberSeries]]:
    """The numbers that the device used in the entry, and the series that each must belong to."""
    match entry:
        case OpenCase(body=body):
            if not (body.number or body.paid or body.provisional):
                return []
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


def document_id_of(entry: AnyEntry) -> UUID | None:
    """The id that the device made for a document that it printed."""
    match entry:
        case OpenCase(body=OpenBody(provisional=ProvisionalBody() as document)) | GiveProvisional(body=document):
            return document.document_id
    return None


def parse_small_body(body: bytes) -> tuple[AnyEntry, ...] | None:
    """All entries of a JSON object with the array `entries`, in one step.

    None: too large for that, or something in it is invalid; then the entries are found and explained one by one.
    """
    if len(body) > MAX_SMALL_BODY_BYTES or body.count(_ENTRIES_KEY) != 1 or _has_too_many_values(body):
        return None
    try:
        return _SmallBody.model_validate_json(body).entries
    except ValidationError:
        return None


def parse_line(line: bytes) -> AnyEntry | UnreadableEntry:
    """One entry from one line of NDJSON."""
    if len(line) > MAX_ENTRY_BYTES or _has_too_many_values(line):
        return UnreadableEntry(None, ENTRY_TOO_LARGE, (), line)
    try:
        return ENTRY.validate_json(line)
    except ValidationError:
        return _explain(line)


def _has_too_many_values(line: bytes) -> bool:
    """Counted without reading them; commas and brackets in texts count, too."""
    return len(line) > MAX_VALUES and sum(map(line.count, (b",", b"[", b"{"))) > MAX_VALUES


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
    claimed = _claimed_id(value, "entry_id")
    if len(raw) > MAX_ENTRY_BYTES:
        return UnreadableEntry(claimed, ENTRY_TOO_LARGE, (), raw)
    if not isinstance(value.get("type"), str) or value["type"] not in TYPES:
        return UnreadableEntry(claimed, UNKNOWN_TYPE, (), raw)
    try:
        return ENTRY.validate_json(raw)
    except ValidationError as error:
        return UnreadableEntry(claimed, INVALID_ENTRY, _errors_of(error), raw)


def _errors_of(error: ValidationError) -> tuple[str, ...]:
    if error.error_count() > MAX_ERRORS:
        return (f"entry: {error.error_count()} fields are invalid",)
    return invalid_fields(error.errors(include_input=False, include_url=False), skip=1)  # loc[0] is the entry's type


def _claimed_id(value: dict[str, object], name: str) -> UUID | None:
    try:
        return UUID(str(value.get(name)))
    except ValueError:
        return None
