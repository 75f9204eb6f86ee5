"""The AsyncAPI 3 document of one service: the events it consumes and the events it publishes.

FastStream generates the frame (version, info, servers). It cannot describe headers, keys, the events of a batch or
what the relay sends, so this module adds channels, operations, messages and schemas.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.contracts import EVENTS, Event
from wanderamt.contracts.compatibility import schema_of

VERSION = "3.0.0"
KAFKA_BINDING = "0.5.0"
COMPONENT = "#/components/schemas/"

HEADERS: dict[str, Any] = {
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
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string"},
        "tracestate": {"type": "string"},
    },
}


def describe_service(
    service: str, consumed: Iterable[type[Event]], topics: Topics, *, bootstrap_servers: str, group: str | None
) -> dict[str, Any]:
    """A JSON document. `group` is the consumer group, None for a service that consumes nothing."""
    received = sorted(consumed, key=lambda event: event.TYPE)
    sent = [event for event in EVENTS if TOPIC_OWNERS[event.TOPIC] == service]
    document = _skeleton(service, bootstrap_servers)
    events = {event.TYPE: event for event in (*received, *sent)}
    names = sorted({event.TOPIC for event in events.values()})
    document["channels"] = {name: _channel(name, topics, events) for name in names}
    document["operations"] = {
        **{
            f"receive {name}": _operation("receive", name, received, group)
            for name in sorted({e.TOPIC for e in received})
        },
        **{f"send {name}": _operation("send", name, sent, None) for name in sorted({e.TOPIC for e in sent})},
    }
    document["components"] = {
        "messages": {type_: _message(event) for type_, event in sorted(events.items())},
        "schemas": _schemas(events),
    }
    return document


def _topics(events: Iterable[type[Event]]) -> list[str]:
    return sorted({event.TOPIC for event in events})


def _skeleton(service: str, bootstrap_servers: str) -> dict[str, Any]:
    broker = KafkaBroker(bootstrap_servers.split(","), logger=None)
    specification = AsyncAPI(broker, title=f"Wanderamt {service}", version="1", schema_version=VERSION)
    generated: dict[str, Any] = json.loads(specification.to_specification().to_json())
    return {name: generated[name] for name in ("asyncapi", "info", "defaultContentType", "servers")}


def _channel(name: str, topics: Topics, events: Mapping[str, type[Event]]) -> dict[str, Any]:
    types = sorted(type_ for type_, event in events.items() if name == event.TOPIC)
    return {
        "address": topics.name(name),
        "description": f"Owned by {TOPIC_OWNERS[name]}. Keyed by aggregate: order holds per aggregate.",
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in types},
        "bindings": {"kafka": {"topic": topics.name(name), "bindingVersion": KAFKA_BINDING}},
    }


def _operation(action: str, name: str, events: Iterable[type[Event]], group: str | None) -> dict[str, Any]:
    types = sorted(event.TYPE for event in events if name == event.TOPIC)
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{type_}"} for type_ in types],
    }
    if group:
        identity = {"type": "string", "enum": [group]}
        operation["bindings"] = {"kafka": {"groupId": identity, "bindingVersion": KAFKA_BINDING}}
    return operation


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": (event.__doc__ or "").strip(),
        "contentType": "application/json",
        "headers": {**HEADERS, "properties": {**HEADERS["properties"], "ce_type": {"const": event.TYPE}}},
        "payload": {"$ref": f"{COMPONENT}{event.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "description": event.AGGREGATE},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _schemas(events: Mapping[str, type[Event]]) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for event in events.values():
        schema = _rebased(schema_of(event))
        schemas.update(schema.pop("$defs", {}))
        schemas[event.__name__] = schema
    return dict(sorted(schemas.items()))


def _rebased(schema: Any) -> Any:
    """Lets references point to the components of this document."""
    if isinstance(schema, dict):
        return {
            word: value.replace("#/$defs/", COMPONENT) if word == "$ref" else _rebased(value)
            for word, value in schema.items()
        }
    return [_rebased(item) for item in schema] if isinstance(schema, list) else schema
