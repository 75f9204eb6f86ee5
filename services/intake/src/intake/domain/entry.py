"""Entries of the field app: what the crew did, written down on the device before anybody was asked.

Kept true: reading an entry never raises; each one ends as an Entry or as an UnreadableEntry with a refusal, so one bad
entry cannot take the others of its request with it.
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
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.offer import Handling, Identification
from intake.domain.catalogue.words import Code
from intake.domain.numbers import Series
from intake.domain.process.happening import FieldValue, Payment
from intake.domain.refusals import ENTRY_TOO_LARGE, INVALID_ENTRY, MALFORMED_ENTRY, UNKNOWN_TYPE

MAX_ENTRY_BYTES = 1024 * 1024
PHONE_PATTERN = r"^\+[1-9][0-9]{6,14}$"
TRACE_PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
NUMBER_PATTERN = r"^[A-Z]{2}-[0-9]{4}-[0-9]{7}-[0-9]$"

BPK_PATTERN = r"^[A-Za-z0-9+/]{27}=$"  # 20 bytes in base64
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"  # no register and no printer takes them
MAX_SERIAL = 2**31 - 1

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]
Answer = StrictBool | StrictInt | Annotated[str, Field(max_length=200, pattern=NO_CONTROLS)]
ReceiptNumber = Annotated[str, Field(pattern=NUMBER_PATTERN, examples=["BE-2026-0000045-9"])]
BpkText = Annotated[
    str,
    Field(
        pattern=BPK_PATTERN,
        description="Of the person in the sector of the service, as the eID told it. Never the source number.",
        examples=["MswQO/UhO5RG+nR+klaOTsVY+CU="],
    ),
]
DocumentNumber = Annotated[str, Field(pattern=NUMBER_PATTERN, examples=["UK-2026-0000123-4"])]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Applicant(_Strict):
    """Whose case it is. Where the day or the month of birth is not known, the year alone: never an invented day."""

    given_name: Name
    family_name: Name
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class Contact(_Strict):
    phone: str | None = Field(None, pattern=PHONE_PATTERN, description="E.164, such as +4373212345")
    email: EmailStr | None = None
    prefer: Literal["sms", "email"] | None = Field(None, description="Which of them first.")
    language: str | None = Field(None, pattern=r"^[a-z]{2}$", description="Of messages; papers have their own.")
    consent: str | None = Field(
        None, pattern=r"^[\w.-]{1,40}$", description="Version of the words agreed to; without it nobody is written to."
    )


class SeenPaper(_Strict):
    """`attachment_id`: of the scan, which is sent as an attachment, before or after."""

    code: Code
    handling: Handling
    attachment_id: UUID | None = None


class Money(_Strict):
    """What was charged. `receipt`: the number on the receipt, of a block of this device.

    `till_id`: the till the money went into; it may be opened here before or after.
    """

    cents: int = Field(ge=0, le=10_000_000)
    payment: Payment
    receipt: ReceiptNumber
    till_id: UUID | None = None


class Provisional(_Strict):
    """A document that was printed on the device before the register answered."""

    document_id: UUID
    number: DocumentNumber


class OpenBody(_Strict):
    """Everything beyond the service may come later; what comes now is done in the order of the service's steps."""

    service: str = Field(max_length=80)
    language: Language = Language.DE
    number: str | None = Field(None, pattern=NUMBER_PATTERN, description="File number, of a block of this device.")
    appointment_id: UUID | None = Field(None, description="The appointment that the citizen came for.")
    applicant: Applicant | None = None
    contact: Contact = Contact()
    facts: dict[Code, Answer] = Field({}, max_length=50)
    identified: Identification | None = None
    papers: tuple[SeenPaper, ...] = Field((), max_length=50)
    paid: Money | None = None
    provisional: Provisional | None = None


class ApplicantFields(_Strict):
    given_name: Name = ""
    family_name: Name = ""
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=1850, le=2200)
    bpk: BpkText | None = None


class FillBody(_Strict):
    """The fields that changed, no others; null empties one."""

    applicant: ApplicantFields = ApplicantFields()
    contact: Contact = Contact()
    facts: dict[Code, Answer | None] = Field({}, max_length=50)


class IdentifyBody(_Strict):
    level: Identification


class HandOverBody(_Strict):
    to: str = Field(min_length=1, max_length=100, pattern=NO_CONTROLS)
    reason: str = Field(min_length=1, max_length=500, pattern=NO_CONTROLS)
    deadline: AwareDatetime


class NoBody(_Strict):
    pass


class Entry(_Strict):
    """`device_seq` is gapless per device, `case_seq` per case and device; `captured_at` never orders anything.

    `base_version`: the version of the case its author had seen, 0 for none; what the device itself did counts as seen.
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
        """SHA-256 of the content, without the trace: a second sending has a trace of its own."""
        return hashlib.sha256(self.model_dump_json(exclude={"traceparent"}, exclude_unset=True).encode()).digest()


class OpenCase(Entry):
    type: Literal["case.open"]
    body: OpenBody


class FillCase(Entry):
    type: Literal["case.fill"]
    body: FillBody


class IdentifyApplicant(Entry):
    type: Literal["case.identify"]
    body: IdentifyBody


class SeePaper(Entry):
    type: Literal["case.see_paper"]
    body: SeenPaper


class TakeFee(Entry):
    type: Literal["case.pay"]
    body: Money


class GiveProvisional(Entry):
    type: Literal["case.give_provisional"]
    body: Provisional


class HandOver(Entry):
    type: Literal["case.hand_over"]
    body: HandOverBody


class Withdraw(Entry):
    type: Literal["case.withdraw"]
    body: NoBody = NoBody()


AnyEntry = OpenCase | FillCase | IdentifyApplicant | SeePaper | TakeFee | GiveProvisional | HandOver | Withdraw
ENTRY: TypeAdapter[AnyEntry] = TypeAdapter(Annotated[AnyEntry, Field(discriminator="type")])
TYPES = frozenset(
    str(one.model_fields["type"].annotation.__args__[0])  # type: ignore[union-attr]
    for one in (OpenCase, FillCase, IdentifyApplicant, SeePaper, TakeFee, GiveProvisional, HandOver, Withdraw)
)


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """What could not be read, with the id it claims (if any), the reason and its raw bytes."""

    entry_id: UUID | None
    refusal: Refusal
    errors: tuple[str, ...]
    raw: bytes


def form_of(body: OpenBody | FillBody) -> dict[str, FieldValue]:
    """The fields that were given, by their names in the form. Dates among the facts are still text."""
    form: dict[str, FieldValue] = {}
    for part, given in (("applicant", body.applicant), ("contact", body.contact)):
        said = given.model_fields_set if given else ()
        form |= {f"{part}.{name}": value for name, value in given or () if name in said}
    return form | {f"facts.{code}": value for code, value in body.facts.items()}


def numbers_of(entry: AnyEntry) -> list[tuple[str, Series]]:
    """The numbers that the device gave out with it, and the series each must be of."""
    match entry:
        case OpenCase(body=body):
            given = [
                (body.number, Series.FILE),
                (body.paid.receipt if body.paid else None, Series.RECEIPT),
                (body.provisional.number if body.provisional else None, Series.DOCUMENT),
            ]
            return [(number, series) for number, series in given if number]
        case TakeFee(body=paid):
            return [(paid.receipt, Series.RECEIPT)]
        case GiveProvisional(body=paper):
            return [(paper.number, Series.DOCUMENT)]
    return []


def read_line(line: bytes) -> AnyEntry | UnreadableEntry:
    """One entry from one line of NDJSON."""
    if len(line) > MAX_ENTRY_BYTES:
        return UnreadableEntry(None, ENTRY_TOO_LARGE, (), line)
    try:
        return ENTRY.validate_json(line)
    except ValidationError:
        return _explain(line)


def _explain(line: bytes) -> AnyEntry | UnreadableEntry:
    """What is wrong with a line: the long way round, which good lines are spared."""
    try:
        return read_value(json.loads(line))
    except (ValueError, RecursionError):
        return UnreadableEntry(None, MALFORMED_ENTRY, (), line)


def read_value(value: object) -> AnyEntry | UnreadableEntry:
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
        wrong = tuple(
            f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}"  # the first place is the entry's type
            for one in error.errors(include_input=False)
        )
        return UnreadableEntry(claimed, INVALID_ENTRY, wrong, raw)


def _claimed_id(value: dict[str, object]) -> UUID | None:
    try:
        return UUID(str(value.get("entry_id")))
    except ValueError:
        return None
