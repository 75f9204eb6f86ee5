"""Generates the files derived from the contracts: schema snapshots, docs/events.md, AsyncAPI and OpenAPI per service.

Invariants: a schema snapshot is written for a new event or a compatible change only.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import intake.events
import notifications.events
import registry_bridge.events
import scheduling.events
from fastapi import FastAPI
from wanderamt.backbone.messaging.application import describe_consumer
from wanderamt.backbone.messaging.consumer import DOCUMENTED_SERVERS, EventConsumer
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.contracts import EVENTS, Event
from wanderamt.contracts.compatibility import breaking_changes, published_schema, schema_of
from wanderamt.shell.service_loader import build_service

from wanderamt_local.access_table import security_document
from wanderamt_local.env_example import env_example
from wanderamt_local.state import Secrets, StateFolder

SCHEMAS = Path("libs/common/src/wanderamt/contracts/schemas")
CATALOGUE = Path("docs/events.md")
ENV_EXAMPLE = Path(".env.example")
ASYNCAPI = Path("docs/asyncapi")
OPENAPI = Path("docs/openapi")
SECURITY = Path("docs/security.md")
_UNUSED_SETTINGS = {
    "database_url": "postgresql://nowhere/nothing",
    "kafka_bootstrap_servers": "nowhere:9092",
    "trusted_proxies": "none",
    "bridges": "{}",
    "providers": "{}",
    "public_addresses": '["https://nowhere.example"]',
}

CONSUMERS: dict[str, EventConsumer] = {
    "intake": intake.events.consumer,
    "registry-bridge": registry_bridge.events.consumer,
    "scheduling": scheduling.events.consumer,
    "notifications": notifications.events.consumer,
}
CONSUMED_EVENTS = {service: consumer.events for service, consumer in CONSUMERS.items()}


def incompatible_changes() -> list[str]:
    """Incompatible differences between the models and the published schemas, as sentences."""
    return [
        f"{event.TYPE}: {change}"
        for event in EVENTS
        if (published := published_schema(event))
        for change in breaking_changes(published, schema_of(event))
    ]


def generated_files() -> dict[Path, str]:
    """The content of every generated file, by its path from the project root."""
    files = {SCHEMAS / f"{event.TYPE}.json": _json(schema_of(event)) for event in EVENTS}
    files[CATALOGUE] = _catalogue()
    files[ENV_EXAMPLE] = env_example()
    for service, consumer in CONSUMERS.items():
        document = describe_consumer(consumer, Topics(), bootstrap_servers=DOCUMENTED_SERVERS)
        files[ASYNCAPI / f"{service}.json"] = _json(document)
    apps = {}
    for service in CONSUMERS:
        with unstarted_application(service) as application:
            files[OPENAPI / f"{service}.json"] = _json(application.openapi())
            apps[service] = application
    files[SECURITY] = security_document(apps)
    return files


@contextmanager
def unstarted_application(service: str) -> Iterator[FastAPI]:
    """The HTTP application of a service that is built and connected to nothing."""
    environment = {f"WANDERAMT_{name.upper()}": value for name, value in _UNUSED_SETTINGS.items()}
    with TemporaryDirectory() as folder, _environment(environment | _keys(StateFolder(Path(folder)).secrets)):
        yield build_service(service).context.http


def _keys(secrets: Secrets) -> dict[str, str]:
    return {
        "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
        "WANDERAMT_ENCRYPTION_KEY": secrets.encryption_key,
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
        "the attributes are record headers, the value is the event as JSON. Records are ordered per key. `ce_sequence`",
        "is the version of the aggregate, from 1. A new field must be optional; any other change is a new version.",
        "",
    ]
    for topic, owner in sorted(TOPIC_OWNERS.items()):
        events = [event for event in EVENTS if topic == event.TOPIC]
        lines += [f"## {topic}", "", f"Owner: {owner}. Key: `{events[0].AGGREGATE}`.", ""]
        for event in events:
            lines += _event_section(event)
    return "\n".join(lines)


def _event_section(event: type[Event]) -> list[str]:
    consumers = ", ".join(name for name, events in CONSUMED_EVENTS.items() if event in events) or "none"
    schema = schema_of(event)
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_field_type(field)} | {'yes' if name in required else 'no'} |"
        for name, field in schema["properties"].items()
    ]
    summary = " ".join((event.__doc__ or "").split())
    head = [f"### {event.__name__}", "", summary, "", f"`{event.TYPE}`, consumed by: {consumers}.", ""]
    return [*head, "| field | type | required |", "| --- | --- | --- |", *rows, ""]


def _field_type(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_field_type(option) for option in field["anyOf"])
    if "$ref" in field:
        return f"{field['$ref'].rsplit('/', 1)[-1]}"
    return f"{field.get('type', 'any')}{' (' + field['format'] + ')' if 'format' in field else ''}"
