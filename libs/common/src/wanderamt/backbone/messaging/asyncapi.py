"""The AsyncAPI 3 document of a consumer: FastStream generates it; this module adds what it has no argument for.

That is a channel per event with its payload and consumer group, the CloudEvents headers, and the record key.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from faststream.specification import AsyncAPI, Specification
from faststream.specification.schema import Message, Operation, SubscriberSpec
from faststream.specification.schema.bindings import ChannelBinding, OperationBinding, kafka

from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.contracts import EVENTS, Event
from wanderamt.contracts.compatibility import schema_of

VERSION = "3.0.0"
MESSAGE_BINDING = "0.5.0"

HEADERS: Mapping[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binary mode, and W3C trace context",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "UUIDv7; the same id is the same event"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "description": "the owner of the topic"},
        "ce_subject": {"type": "string", "format": "uuid", "description": "the aggregate"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_sequence": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "version of the aggregate"},
        "ce_partitionkey": {"type": "string", "format": "uuid"},
        "ce_dataschema": {"type": "string"},
        "ce_authority": {"type": "string", "description": "code of the public body that the event belongs to"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string"},
        "tracestate": {"type": "string"},
    },
}


class SentChannel(TypedDict):
    """Arguments of a router's `publisher`."""

    title: str
    description: str
    schema: type[Event]


def consumed_channels(events: Iterable[type[Event]], topics: Topics, *, group: str) -> dict[str, SubscriberSpec]:
    """A channel for each event, as `schema` of a subscriber returns them."""
    return {_channel_name(event, topics): _consumed_channel(event, topics, group) for event in events}


def sent_channel(event: type[Event], topics: Topics) -> SentChannel:
    return {
        "title": f"{_channel_name(event, topics)}:Publisher",
        "description": _channel_description(event),
        "schema": event,
    }


class EventAsyncAPI(AsyncAPI):
    """FastStream's document with headers, key and type of each message: FastStream knows only their payload."""

    def to_specification(self) -> Specification:
        document: Any = super().to_specification()
        events = {event.__name__: event for event in EVENTS}
        for message in document.components.messages.values():
            event = events[message.payload["$ref"].rsplit("/", 1)[1]]
            message.name = event.TYPE
            message.summary = _summary(event)
            message.contentType = "application/json"
            message.correlationId = None  # FastStream's own header, which no record has
            message.headers = {**HEADERS, "properties": {**HEADERS["properties"], "ce_type": {"const": event.TYPE}}}
            message.bindings = {"kafka": {"key": _key(event), "bindingVersion": MESSAGE_BINDING}}
        return document  # type: ignore[no-any-return]


def _consumed_channel(event: type[Event], topics: Topics, group: str) -> SubscriberSpec:
    address = topics.name(event.TOPIC)
    identity = {"type": "string", "enum": [group]}
    return SubscriberSpec(
        address=address,
        description=_channel_description(event),
        operation=Operation(
            message=Message(title=f"{_channel_name(event, topics)}:Message", payload=schema_of(event)),
            bindings=OperationBinding(kafka=kafka.OperationBinding(identity, client_id=None, reply_to=None)),
        ),
        bindings=ChannelBinding(kafka=kafka.ChannelBinding(address, partitions=None, replicas=None)),
    )


def _channel_name(event: type[Event], topics: Topics) -> str:
    return f"{topics.name(event.TOPIC)}:{event.__name__}"


def _channel_description(event: type[Event]) -> str:
    return f"Owned by {TOPIC_OWNERS[event.TOPIC]}. Keyed by {event.AGGREGATE}: order holds per aggregate."


def _summary(event: type[Event]) -> str:
    return " ".join((event.__doc__ or "").split())


def _key(event: type[Event]) -> dict[str, str]:
    return {"type": "string", "format": "uuid", "description": event.AGGREGATE}
