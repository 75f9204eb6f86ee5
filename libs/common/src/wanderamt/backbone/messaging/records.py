"""Decodes Kafka records into events, ignored records, or unreadable records with a reason.

Invariants: each record is exactly one of the three; a type that no contract knows is unreadable, not ignored. What a
consumer verifies is an event only with its proof: otherwise the record names no aggregate, whatever its headers say,
because a record that anybody may have written must not block one.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from asyncpg.pgproto import pgproto

from wanderamt.backbone.messaging.consumer import Verifier
from wanderamt.backbone.messaging.dead_letter import (
    AggregateKey,
    DeadLetterState,
    FailureCause,
    RawRecord,
    fingerprint,
    unreadable_cause,
)
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EVENTS, Event, EventHeader, InvalidEventError, decode_event, decode_header

MAX_RECORDS = 500  # per poll
ALL_TYPES = frozenset(event.TYPE for event in EVENTS)
UNKNOWN_TYPE = "header ce_type names no event of this version: update this service, then retry"
PLAIN_TYPE = re.compile(r"[\w.-]{1,200}", re.ASCII)

INVALID_VALUE = "invalid value"
FOREIGN = "header ce_authority names another authority than that of this service"


class UnprovenEventError(Exception):
    """Anybody may have written this record, see EventConsumer.verify; or it belongs to another authority."""

    def __init__(self, header: EventHeader, cause: FailureCause) -> None:
        super().__init__(cause.reason)
        self.header = header
        self.cause = cause


class UnusableRecord(NamedTuple):
    """A record that no handler gets. `aggregate`: whose later events wait for it, if any. `type`: if known.

    `event_id`: of a rejected event, for the log.
    """

    record: RawRecord
    aggregate: UUID | None
    type: str
    state: DeadLetterState
    cause: FailureCause
    event_id: str = ""


class ReceivedEvent(NamedTuple):
    """An event with its header and the record it came in."""

    record: RawRecord
    header: EventHeader
    event: Event

    @property
    def aggregate(self) -> AggregateKey:
        return self.record.topic, self.header.subject


Deliver: TypeAlias = Callable[[Sequence[ReceivedEvent], UnitOfWork], Awaitable[None]]
"""Calls the handlers of these events."""


def raw_record(record: Any) -> RawRecord:
    """From a record of aiokafka."""
    return RawRecord(record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))


def is_mixed(events: Iterable[ReceivedEvent], unusable: Iterable[UnusableRecord]) -> bool:
    """Whether an aggregate has both, or several aggregates have events of one id: then only one record at a time keeps
    their order, and keeps the guards against repeated events apart."""
    aggregates: dict[UUID, AggregateKey] = {}
    for event in events:
        if aggregates.setdefault(event.header.id, event.aggregate) != event.aggregate:
            return True
    failed = {(entry.record.topic, entry.aggregate) for entry in unusable}
    return not failed.isdisjoint(aggregates.values())


def rejected(record: RawRecord, header: EventHeader, cause: FailureCause) -> UnusableRecord:
    return UnusableRecord(record, None, header.type, DeadLetterState.REJECTED, cause, str(header.id))


class RecordDecoder:
    """`consumed`: the events a consumer handles. Other known events are ignored. `verifiers`: see
    EventConsumer.verify. `authority`: whose events it handles; empty: those of all. An event without an authority is
    one of an earlier release, and handled.
    """

    def __init__(
        self,
        consumed: Iterable[type[Event]],
        topics: Topics,
        verifiers: Mapping[type[Event], Verifier] | None = None,
        *,
        authority: str = "",
    ) -> None:
        self._consumed = {event.TYPE: event for event in consumed}
        self._topic_of = {event.TYPE: topics.name(event.TOPIC) for event in consumed}
        self._verifiers = {event.TYPE: verifier for event, verifier in (verifiers or {}).items()}
        self._authorities = {authority, ""} if authority else set()
        self._owners = {topics.name(topic): f"/wanderamt/{owner}" for topic, owner in TOPIC_OWNERS.items()}

    def decode(self, records: Iterable[RawRecord]) -> tuple[list[ReceivedEvent], list[UnusableRecord]]:
        """(events to handle, records that cannot be)."""
        events: list[ReceivedEvent] = []
        unusable: list[UnusableRecord] = []
        for record in records:
            subject: UUID | None = None
            type_ = ""
            try:
                # a uuid.UUID in C: the deduplicator hashes it often
                header = decode_header(record.headers, uuid=pgproto.UUID)
                if header.type in self._consumed:
                    type_ = header.type
                    self._check_source(header, record)
                    if record.topic != self._topic_of[type_]:
                        raise InvalidEventError("header ce_type names an event of another topic")
                    if self._authorities and header.authority not in self._authorities:
                        raise UnprovenEventError(header, unreadable_cause(FOREIGN, type_))
                    if verifier := self._verifiers.get(type_):
                        events.append(self._verified(record, header, verifier))
                        continue
                    subject = header.subject
                    events.append(ReceivedEvent(record, header, decode_event(header, record.value, self._consumed)))
                    continue
                type_ = header.type if PLAIN_TYPE.fullmatch(header.type) else ""
                self._check_source(header, record)
                if header.type not in ALL_TYPES:
                    raise InvalidEventError(UNKNOWN_TYPE)
            except UnprovenEventError as error:
                unusable.append(rejected(record, error.header, error.cause))
            except InvalidEventError as error:
                # its aggregate, if it is known, waits for it: its order holds
                state = DeadLetterState.FAILED if subject else DeadLetterState.UNREADABLE
                unusable.append(UnusableRecord(record, subject, type_, state, unreadable_cause(str(error), type_)))
        return events, unusable

    def _verified(self, record: RawRecord, header: EventHeader, verifier: Verifier) -> ReceivedEvent:
        """Raises UnprovenEventError."""
        try:
            event = decode_event(header, record.value, self._consumed)
        except InvalidEventError as error:
            # one group, however many ways there are to be invalid
            cause = FailureCause(str(error), fingerprint(header.type, INVALID_VALUE))
            raise UnprovenEventError(header, cause) from error
        try:
            problem = verifier(event, header)
        except Exception as error:  # code of a service, on content that anybody may have written: the batch goes on
            problem = f"its check failed with {type(error).__name__}"
        if problem:
            raise UnprovenEventError(header, unreadable_cause(problem, header.type))
        return ReceivedEvent(record, header, event)

    def _check_source(self, header: EventHeader, record: RawRecord) -> None:
        if header.source != self._owners.get(record.topic, header.source):
            raise InvalidEventError("header ce_source does not name the owner of this topic")
