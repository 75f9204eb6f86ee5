"""What arrives, read: a record becomes an event, is none of our business, or is unreadable for a reason.

Kept true: of every record one of the three is said; a type that no contract knows is unreadable, not skipped.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto

from wanderamt.backbone.parked import Arrival, Cause, unreadable
from wanderamt.backbone.topics import OWNERS, Topics
from wanderamt.contracts import EVENTS, Event, Head, Undecodable, decode_event, decode_head

ALL_TYPES = frozenset(event.TYPE for event in EVENTS)
PLAIN_TYPE = re.compile(r"[\w.-]{1,200}", re.ASCII)

Unreadable = tuple[Arrival, UUID | None, str, Cause]


class Item(NamedTuple):
    arrival: Arrival
    head: Head
    event: Event


def arrival_of(record: Any) -> Arrival:
    """A record of aiokafka, as it came."""
    return Arrival(record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers))


class Reader:
    """`heard`: the events a consumer wants. Others that exist are left out."""

    def __init__(self, heard: Iterable[type[Event]], topics: Topics) -> None:
        self._known = {event.TYPE: event for event in heard}
        self._owners = {topics.name(topic): f"/wanderamt/{owner}" for topic, owner in OWNERS.items()}

    def read(self, arrivals: Iterable[Arrival]) -> tuple[list[Item], list[Unreadable]]:
        """(what is to be handled, what cannot be read: with aggregate and type as far as they are known)."""
        items: list[Item] = []
        odd: list[Unreadable] = []
        for arrival in arrivals:
            subject: UUID | None = None
            type_ = ""
            try:
                head = decode_head(arrival.headers, uuid=pgproto.UUID)  # a uuid.UUID in C: the guards hash it a lot
                type_ = head.type if PLAIN_TYPE.fullmatch(head.type) else ""
                self._check(head, arrival)
                if head.type in self._known:
                    subject = head.subject
                    items.append(Item(arrival, head, decode_event(head, arrival.value, self._known)))
            except Undecodable as error:
                odd.append((arrival, subject, type_, unreadable(str(error), type_)))
        return items, odd

    def _check(self, head: Head, arrival: Arrival) -> None:
        if head.source != self._owners.get(arrival.topic, head.source):
            raise Undecodable("header ce_source does not name the owner of this topic")
        if head.type not in ALL_TYPES:
            raise Undecodable("header ce_type names no event of this version: update this service, then replay")
