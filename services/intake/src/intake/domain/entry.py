"""Entries of the field app: what the crew did, written down on the device before anybody was asked.

Kept true: reading an entry never raises; each one ends as an Entry or as an UnreadableEntry with a refusal, so one bad
entry cannot take the others of its request with it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, ValidationError
from wanderamt.contracts import Language
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import ENTRY_TOO_LARGE, INVALID_ENTRY, MALFORMED_ENTRY, UNKNOWN_TYPE

MAX_ENTRY_BYTES = 1024 * 1024
OPEN_CASE = "case.open"
TYPES = frozenset({OPEN_CASE})
PHONE_PATTERN = r"^\+[1-9][0-9]{6,14}$"
TRACE_PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Applicant(_Strict):
    given_name: str = Field(min_length=1, max_length=200)
    family_name: str = Field(min_length=1, max_length=200)
    birth_date: date


class Contact(_Strict):
    phone: str | None = Field(None, pattern=PHONE_PATTERN, description="E.164, such as +4373212345")
    email: EmailStr | None = None


class OpenCase(_Strict):
    """Body of a case.open entry."""

    service: str = Field(max_length=80)
    language: Language = Language.DE
    applicant: Applicant
    contact: Contact = Contact()


class Entry(_Strict):
    """`device_seq` is gapless per device, `case_seq` per case and device; `captured_at` never orders anything."""

    entry_id: UUID
    case_id: UUID
    device_seq: int = Field(ge=1)
    case_seq: int = Field(ge=1)
    stand_id: UUID
    type: Literal["case.open"]
    captured_at: AwareDatetime
    traceparent: str | None = Field(None, pattern=TRACE_PATTERN, description="W3C trace context of the tap")
    body: OpenCase

    @property
    def payload_hash(self) -> bytes:
        """SHA-256 of the content, without the trace: a second sending has a trace of its own."""
        return hashlib.sha256(self.model_dump_json(exclude={"traceparent"}).encode()).digest()


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """What could not be read, with the id it claims (if any), the reason and its raw bytes."""

    entry_id: UUID | None
    refusal: Refusal
    errors: tuple[str, ...]
    raw: bytes


def read_line(line: bytes) -> Entry | UnreadableEntry:
    """One entry from one line of NDJSON."""
    if len(line) > MAX_ENTRY_BYTES:
        return UnreadableEntry(None, ENTRY_TOO_LARGE, (), line)
    try:
        return Entry.model_validate_json(line)
    except ValidationError:
        return _explain(line)


def _explain(line: bytes) -> Entry | UnreadableEntry:
    """What is wrong with a line: the long way round, which good lines are spared."""
    try:
        return read_value(json.loads(line))
    except (ValueError, RecursionError):
        return UnreadableEntry(None, MALFORMED_ENTRY, (), line)


def read_value(value: object) -> Entry | UnreadableEntry:
    """One entry from parsed JSON."""
    raw = json.dumps(value).encode()
    if not isinstance(value, dict):
        return UnreadableEntry(None, INVALID_ENTRY, ("entry: must be an object",), raw)
    claimed = _claimed_id(value)
    if len(raw) > MAX_ENTRY_BYTES:
        return UnreadableEntry(claimed, ENTRY_TOO_LARGE, (), raw)
    if value.get("type") not in TYPES:
        return UnreadableEntry(claimed, UNKNOWN_TYPE, (), raw)
    try:
        return Entry.model_validate_json(raw)
    except ValidationError as error:
        wrong = tuple(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        return UnreadableEntry(claimed, INVALID_ENTRY, wrong, raw)


def _claimed_id(value: dict[str, object]) -> UUID | None:
    try:
        return UUID(str(value.get("entry_id")))
    except ValueError:
        return None
