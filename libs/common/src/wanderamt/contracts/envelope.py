"""CloudEvents 1.0 in Kafka binary mode: the head travels in record headers, the value is the plain event as JSON.

Kept true: what `encode` writes `decode` reads, and a record that cannot be read raises `Undecodable` with a reason
that holds no payload.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from wanderamt.kernel.decision import Event

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
MAX_SEQUENCE = 2**31 - 1
Headers = tuple[tuple[str, bytes], ...]


class Undecodable(Exception):
    """The record is no event of ours: a head is missing or the value does not fit its type. Quarantine it."""


@dataclass(frozen=True, slots=True)
class Head:
    """Who said what about whom, when. `sequence` is the version of the aggregate after this event, from 1."""

    id: UUID
    type: str
    source: str
    subject: UUID
    time: datetime
    sequence: int
    trace: Mapping[str, str]


def heads(head: Head) -> dict[str, str]:
    """The record headers, as text."""
    subject = str(head.subject)
    return {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(head.id),
        "ce_type": head.type,
        "ce_source": head.source,
        "ce_subject": subject,
        "ce_time": head.time.isoformat(),
        "ce_dataschema": f"urn:wanderamt:schema:{head.type}",
        "ce_sequence": str(head.sequence),
        "ce_partitionkey": subject,
        "content-type": CONTENT_TYPE,
        **head.trace,
    }


def encode(event: Event, head: Head) -> tuple[bytes, bytes, Headers]:
    """Record key, value and headers."""
    headers = tuple((name, value.encode()) for name, value in heads(head).items())
    return str(head.subject).encode(), event.model_dump_json().encode(), headers


def decode_head(headers: Iterable[tuple[str, bytes]]) -> Head:
    """Raises Undecodable, naming the first head that is missing or wrong."""
    fields: dict[str, str] = {}
    for name, raw in headers:
        try:
            fields[name.lower()] = raw.decode()
        except UnicodeDecodeError as error:
            raise Undecodable(f"header {name[:40]!a} is not UTF-8") from error
    for name in ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence"):
        if name not in fields:
            raise Undecodable(f"header {name} is missing")
    if fields["ce_specversion"] != SPEC_VERSION:
        raise Undecodable("header ce_specversion is not 1.0")
    try:
        head = Head(
            id=UUID(fields["ce_id"]),
            type=fields["ce_type"],
            source=fields["ce_source"],
            subject=UUID(fields["ce_subject"]),
            time=datetime.fromisoformat(fields["ce_time"]),
            sequence=int(fields["ce_sequence"]),
            trace={name: fields[name] for name in ("traceparent", "tracestate") if name in fields},
        )
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
