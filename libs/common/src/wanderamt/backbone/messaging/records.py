"""Decodes Kafka records into events, ignored records, or unreadable records with a reason.

Invariants: each record is exactly one of the three; a type that no contract knows is unreadable, not ignored.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from asyncpg.pgproto import pgproto

from wanderamt.backbone.messaging.dead_letter import FailureCause, RawRecord, unreadable_cause
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EVENTS, Event, EventHeader, InvalidEventError, decode_event, decode_header

MAX_RECORDS = 500  # per poll
ALL_TYPES = frozenset(event.TYPE for event in EVENTS)
UNKNOWN_TYPE = "header ce_type names no event of this version: update this service, then retry"
PLAIN_TYPE = re.compile(r"[\w.-]{1,200}", re.ASCII)

UnreadableRecord = tuple[RawRecord, UUID | None, str, FailureCause]
"""(record, aggregate if known, type if known, cause)."""


class ReceivedEvent(NamedTuple):
    """An event with its header and the record it came in."""

    record: RawRecord
    header: EventHeader
    event: Event


Deliver: TypeAlias = Callable[[Sequence[ReceivedEvent], UnitOfWork], Awaitable[None]]
"""Calls the handlers of these events."""


def raw_record(record: Any) -> RawRecord:
    """From a record of aiokafka."""
    return RawRecord(record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))


class RecordDecoder:
    """`consumed`: the events a consumer handles. Other known events are ignored."""

    def __init__(self, consumed: Iterable[type[Event]], topics: Topics) -> None:
        self._consumed = {event.TYPE: event for event in consumed}
        self._owners = {topics.name(topic): f"/wanderamt/{owner}" for topic, owner in TOPIC_OWNERS.items()}

    def decode(self, records: Iterable[RawRecord]) -> tuple[list[ReceivedEvent], list[UnreadableRecord]]:
        """(events to handle, unreadable records)."""
        events: list[ReceivedEvent] = []
        unreadable: list[UnreadableRecord] = []
        for record in records:
            subject: UUID | None = None
            type_ = ""
            try:
                # a uuid.UUID in C: the deduplicator hashes it often
                header = decode_header(record.headers, uuid=pgproto.UUID)
                if header.type in self._consumed:
                    type_ = header.type
                    self._check_source(header, record)
                    subject = header.subject
                    events.append(ReceivedEvent(record, header, decode_event(header, record.value, self._consumed)))
                    continue
                type_ = header.type if PLAIN_TYPE.fullmatch(header.type) else ""
                self._check_source(header, record)
                if header.type not in ALL_TYPES:
                    raise InvalidEventError(UNKNOWN_TYPE)
            except InvalidEventError as error:
                unreadable.append((record, subject, type_, unreadable_cause(str(error), type_)))
        return events, unreadable

    def _check_source(self, header: EventHeader, record: RawRecord) -> None:
        if header.source != self._owners.get(record.topic, header.source):
            raise InvalidEventError("header ce_source does not name the owner of this topic")
