"""CloudEvents 1.0 in Kafka binary mode: the head travels in record headers, the value is the plain event as JSON.

Kept true: what `encode` writes `decode` reads, and a record that cannot be read raises `Undecodable` with a reason
that holds no payload.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from wanderamt.kernel.decision import Event

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
MAX_SEQUENCE = 2**31 - 1
REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence")
TRACE = ("traceparent", "tracestate")
Headers = tuple[tuple[str, bytes], ...]

_SPEC_VERSION = SPEC_VERSION.encode()


class Undecodable(Exception):
    """The record is no event of ours: a head is missing or the value does not fit its type. Quarantine it."""


class Head(NamedTuple):
    """Who said what about whom, when. `sequence` is the version of the aggregate after this event, from 1."""

    id: UUID
    type: str
    source: str
    subject: UUID
    time: datetime
    sequence: int
    trace: Mapping[str, str]


def headers_of(head: Head) -> Headers:
    """The record headers."""
    subject = str(head.subject).encode()
    return (
        *_headers_of_type(head.type, head.source),
        ("ce_id", str(head.id).encode()),
        ("ce_subject", subject),
        ("ce_time", head.time.isoformat().encode()),
        ("ce_sequence", str(head.sequence).encode()),
        ("ce_partitionkey", subject),
        *[(name, value.encode()) for name, value in head.trace.items()],
    )


@lru_cache
def _headers_of_type(type_: str, source: str) -> Headers:
    return (
        ("ce_specversion", _SPEC_VERSION),
        ("ce_type", type_.encode()),
        ("ce_source", source.encode()),
        ("ce_dataschema", f"urn:wanderamt:schema:{type_}".encode()),
        ("content-type", CONTENT_TYPE.encode()),
    )


def encode(event: Event, head: Head) -> tuple[bytes, bytes, Headers]:
    """Record key, value and headers."""
    return str(head.subject).encode(), event.model_dump_json().encode(), headers_of(head)


def decode_head(headers: Iterable[tuple[str, bytes]], *, uuid: Callable[[str], UUID] = UUID) -> Head:
    """Raises Undecodable, naming the first head that is missing or wrong. `uuid` reads ids: some do it faster."""
    fields = {name.lower(): raw for name, raw in headers}
    for name in REQUIRED:
        if name not in fields:
            raise Undecodable(f"header {name} is missing")
    try:
        if fields["ce_specversion"] != _SPEC_VERSION:
            raise Undecodable("header ce_specversion is not 1.0")
        head = Head(
            uuid(fields["ce_id"].decode()),
            fields["ce_type"].decode(),
            fields["ce_source"].decode(),
            uuid(fields["ce_subject"].decode()),
            datetime.fromisoformat(fields["ce_time"].decode()),
            int(fields["ce_sequence"]),
            {name: fields[name].decode() for name in TRACE if name in fields},
        )
    except UnicodeDecodeError as error:
        raise Undecodable("a CloudEvents header is not UTF-8") from error
    except ValueError as error:
        raise Undecodable(
            "a CloudEvents header has a wrong form (ce_id, ce_subject, ce_time or ce_sequence)"
        ) from error
    if not 1 <= head.sequence <= MAX_SEQUENCE:
        raise Undecodable(f"header ce_sequence is not between 1 and {MAX_SEQUENCE}")
    return head


def decode_event(head: Head, value: bytes | None, known: Mapping[str, type[Event]]) -> Event:
    """The event of a record whose head is read. Raises Undecodable with the fields that do not fit, without values."""
    try:
        event = known[head.type].model_validate_json(value or b"")
    except ValidationError as error:
        wrong = ", ".join(sorted({f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}" for e in error.errors()}))
        raise Undecodable(f"the value is no {head.type} ({wrong[:400]!a})") from error
    if event.aggregate != head.subject:
        raise Undecodable("ce_subject names another aggregate than the value")
    return event
