"""Generates what is derived from the contracts: schema snapshots, the catalogue of events, AsyncAPI and OpenAPI per
service.

Kept true: a snapshot is only ever written for a new event or a compatible change; an incompatible one is refused.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import intake.handlers
import notifications.handlers
import registry_bridge.handlers
import scheduling.handlers
from wanderamt.backbone.asyncapi import describe
from wanderamt.backbone.topics import OWNERS, Topics
from wanderamt.contracts import EVENTS, Event
from wanderamt.contracts.compatibility import breaks, schema_of, snapshot_of
from wanderamt.shell.running import build

from wanderamt_local.state import Secrets, State

SCHEMAS = Path("libs/common/src/wanderamt/contracts/schemas")
CATALOGUE = Path("docs/events.md")
ASYNCAPI = Path("docs/asyncapi")
OPENAPI = Path("docs/openapi")
_NOWHERE = {
    "database_url": "postgresql://nowhere/nothing",
    "kafka_bootstrap_servers": "nowhere:9092",
    "bridges": "{}",
    "providers": "{}",
}

HEARS: dict[str, Iterable[type[Event]]] = {
    "intake": intake.handlers.ON,
    "registry-bridge": registry_bridge.handlers.ON,
    "scheduling": scheduling.handlers.ON,
    "notifications": notifications.handlers.ON,
}


def broken() -> list[str]:
    """How the models of today break what was promised."""
    return [
        f"{event.TYPE}: {complaint}"
        for event in EVENTS
        if (promised := snapshot_of(event))
        for complaint in breaks(promised, schema_of(event))
    ]


def derived() -> dict[Path, str]:
    """Every generated file, by its path from the root of the project."""
    files = {SCHEMAS / f"{event.TYPE}.json": _json(schema_of(event)) for event in EVENTS}
    files[CATALOGUE] = _catalogue()
    for service, hears in HEARS.items():
        document = describe(service, hears, Topics(), bootstrap_servers="localhost:9092", group=service)
        files[ASYNCAPI / f"{service}.json"] = _json(document)
        files[OPENAPI / f"{service}.json"] = _json(_openapi(service))
    return files


def _openapi(service: str) -> dict[str, Any]:
    """Of the service as it is built anywhere; nothing is connected to."""
    environment = {f"WANDERAMT_{name.upper()}": value for name, value in _NOWHERE.items()}
    with TemporaryDirectory() as folder, _environment(environment | _keys(State(Path(folder)).secrets)):
        return build(service).ground.http.openapi()


def _keys(secrets: Secrets) -> dict[str, str]:
    return {
        "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
        "WANDERAMT_SEALING_KEY": secrets.sealing_key,
        "WANDERAMT_DOCUMENT_KEY": secrets.document_key,
        "WANDERAMT_ASSERTION_KEY": secrets.assertion_key,
        "WANDERAMT_SESSION_KEY": secrets.session_key,
        "WANDERAMT_DOCUMENT_CERTIFICATE": secrets.document_certificate,
    }


@contextmanager
def _environment(changed: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changed)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _catalogue() -> str:
    lines = [
        "# Events",
        "",
        "Generated from the models by `make docs`; do not edit. Every record is a CloudEvent 1.0 in Kafka binary mode:",
        "the head travels in record headers, the value is the event as JSON. Order holds per key. `ce_sequence` is the",
        "version of the aggregate, from 1. A field may be added when it is optional; anything else is a new version.",
        "",
    ]
    for topic, owner in sorted(OWNERS.items()):
        events = [event for event in EVENTS if topic == event.TOPIC]
        lines += [f"## {topic}", "", f"Owner: {owner}. Key: `{events[0].AGGREGATE}`.", ""]
        for event in events:
            lines += _event(event)
    return "\n".join(lines)


def _event(event: type[Event]) -> list[str]:
    heard = ", ".join(name for name, hears in HEARS.items() if event in set(hears)) or "nobody yet"
    schema = schema_of(event)
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_kind(field)} | {'yes' if name in required else 'no'} |"
        for name, field in schema["properties"].items()
    ]
    summary = " ".join((event.__doc__ or "").split())
    head = [f"### {event.__name__}", "", summary, "", f"`{event.TYPE}`, heard by: {heard}.", ""]
    return [*head, "| field | kind | required |", "| --- | --- | --- |", *rows, ""]


def _kind(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"])
    if "$ref" in field:
        return f"{field['$ref'].rsplit('/', 1)[-1]}"
    return f"{field.get('type', 'any')}{' (' + field['format'] + ')' if 'format' in field else ''}"
