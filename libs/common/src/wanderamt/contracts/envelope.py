"""CloudEvents 1.0 in Kafka binary mode: the header fields travel in record headers, the value is the event as JSON.

Invariants: `decode_header` and `decode_event` read what `encode` writes; a record that cannot be read raises
InvalidEventError with a reason that contains no payload.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from wanderamt.kernel.decision import Event
from wanderamt.kernel.json_text import to_json

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
MAX_SEQUENCE = 2**31 - 1
REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence")
TRACE = ("traceparent", "tracestate")
AUTHORITY = "ce_authority"  # a CloudEvents extension of ours: optional
Headers = tuple[tuple[str, bytes], ...]

_REQUIRED = frozenset(REQUIRED)
_SPEC_VERSION = SPEC_VERSION.encode()


class InvalidEventError(Exception):
    """The record is not a valid event: a header is missing, or the value does not fit its type."""


class EventHeader(NamedTuple):
    """`source`: the service, `subject`: the aggregate, `sequence`: the aggregate's version after this event, from 1.

    `authority`: the code of the public body that the event belongs to; empty in events of earlier releases.
    """

    id: UUID
    type: str
    source: str
    subject: UUID
    time: datetime
    sequence: int
    trace: Mapping[str, str]
    authority: str = ""


def to_headers(header: EventHeader) -> Headers:
    """Kafka record headers."""
    subject = str(header.subject).encode()
    return (
        *_headers_of_type(header.type, header.source, header.authority),
        ("ce_id", str(header.id).encode()),
        ("ce_subject", subject),
        ("ce_time", header.time.isoformat().encode()),
        ("ce_sequence", str(header.sequence).encode()),
        ("ce_partitionkey", subject),
        *[(name, value.encode()) for name, value in header.trace.items()],
    )


@lru_cache
def _headers_of_type(type_: str, source: str, authority: str) -> Headers:
    return (
        *([(AUTHORITY, authority.encode())] if authority else []),
        ("ce_specversion", _SPEC_VERSION),
        ("ce_type", type_.encode()),
        ("ce_source", source.encode()),
        ("ce_dataschema", f"urn:wanderamt:schema:{type_}".encode()),
        ("content-type", CONTENT_TYPE.encode()),
    )


def encode(event: Event, header: EventHeader) -> tuple[bytes, bytes, Headers]:
    """Record key, value and headers."""
    return str(header.subject).encode(), to_json(event), to_headers(header)


def decode_header(headers: Iterable[tuple[str, bytes | None]], *, uuid: Callable[[str], UUID] = UUID) -> EventHeader:
    """Raises InvalidEventError, naming the first header that is missing or wrong. `uuid` parses ids."""
    fields: dict[str, Any] = dict(headers)
    # another producer may write the names in capitals, or a name without a value, which counts as missing
    if not fields.keys() >= _REQUIRED or None in fields.values():
        fields = {name.lower(): raw for name, raw in headers if raw is not None}
    for name in REQUIRED:
        if name not in fields:
            raise InvalidEventError(f"header {name} is missing")
    try:
        if fields["ce_specversion"] != _SPEC_VERSION:
            raise InvalidEventError("header ce_specversion is not 1.0")
        header = EventHeader(
            uuid(fields["ce_id"].decode()),
            fields["ce_type"].decode(),
            fields["ce_source"].decode(),
            uuid(fields["ce_subject"].decode()),
            datetime.fromisoformat(fields["ce_time"].decode()),
            int(fields["ce_sequence"]),
            {name: fields[name].decode() for name in TRACE if name in fields},
            fields[AUTHORITY].decode() if AUTHORITY in fields else "",
        )
    except UnicodeDecodeError as error:
        raise InvalidEventError("a CloudEvents header is not UTF-8") from error
    except ValueError as error:
        raise InvalidEventError(
            "a CloudEvents header has a wrong form (ce_id, ce_subject, ce_time or ce_sequence)"
        ) from error
    if header.time.tzinfo is None:
        raise InvalidEventError("header ce_time has no time zone")
    if not 1 <= header.sequence <= MAX_SEQUENCE:
        raise InvalidEventError(f"header ce_sequence is not between 1 and {MAX_SEQUENCE}")
    return header


def decode_event(header: EventHeader, value: bytes | None, known: Mapping[str, type[Event]]) -> Event:
    """The event of a record. Raises InvalidEventError, naming the invalid fields without their values."""
    try:
        event = known[header.type].model_validate_json(value or b"")
    except ValidationError as error:
        wrong = ", ".join(sorted({f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}" for e in error.errors()}))
        raise InvalidEventError(f"the value is not a {header.type} ({wrong[:400]!a})") from error
    if event.aggregate != header.subject:
        raise InvalidEventError("ce_subject names another aggregate than the value")
    return event
