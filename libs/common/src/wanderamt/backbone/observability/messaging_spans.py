"""Spans of events and jobs, by OpenTelemetry's semantic conventions of messaging.

Our own instead of the instrumentation of aiokafka: that one sees polls and sends of batches, not the events in them.
Invariants: an event or a job whose trace is not recorded costs no span and still passes its trace on.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol
from uuid import UUID

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind

from wanderamt.backbone.observability.tracing import (
    MessageSpan,
    is_sampled,
    message_context,
    span_in_context,
    tracer,
    tracing_enabled,
)
from wanderamt.contracts import EventHeader

MAX_LINKS = 128  # the limit of the SDK


class RecordPlace(Protocol):
    """Where a record came from."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


class Received(Protocol):
    """An event that came in a record."""

    @property
    def record(self) -> RecordPlace: ...
    @property
    def header(self) -> EventHeader: ...


def process_span(header: EventHeader, place: RecordPlace, *, group: str) -> AbstractContextManager[object]:
    """For a handler of this event, run by the consumer `group`."""
    if not is_sampled(header.trace):
        return message_context(header.trace)
    attributes = _attributes("process", "process", place.topic) | {
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": str(place.partition),
        "messaging.kafka.offset": place.offset,
        "messaging.message.id": str(header.id),
        "messaging.kafka.message.key": str(header.subject),
        "cloudevents.event_type": header.type,
    }
    return span_in_context(header.trace, f"process {place.topic}", kind=SpanKind.CONSUMER, attributes=attributes)


def process_batch_span(events: Sequence[Received], *, group: str) -> AbstractContextManager[object]:
    """For a handler of many events at once: a trace of its own, linked to the recorded traces of its events."""
    if not tracing_enabled():
        return nullcontext()
    traces = (event.header.trace for event in events)
    sampled = [carrier for carrier in traces if carrier and is_sampled(carrier)][:MAX_LINKS]
    if not sampled:
        return nullcontext()
    topics = sorted({event.record.topic for event in events})
    return tracer.start_as_current_span(
        f"process {topics[0]}" if len(topics) == 1 else "process",
        context=Context(),
        kind=SpanKind.CONSUMER,
        attributes=_attributes("process", "process", ",".join(topics))
        | {"messaging.consumer.group.name": group, "messaging.batch.message_count": len(events)},
        links=[Link(MessageSpan(carrier).get_span_context()) for carrier in sampled],
    )


def start_publish_span(header: EventHeader, topic: str) -> tuple[Span, EventHeader]:
    """A span that the caller ends when the broker has the event, and the header that passes it on."""
    span = tracer.start_span(
        f"publish {topic}",
        context=propagate.extract(dict(header.trace)),
        kind=SpanKind.PRODUCER,
        attributes=_attributes("publish", "send", topic)
        | {
            "messaging.message.id": str(header.id),
            "messaging.kafka.message.key": str(header.subject),
            "cloudevents.event_type": header.type,
        },
    )
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(span))
    return span, header._replace(trace=carrier)


def job_span(
    carrier: Mapping[str, str], step: str, *, queue: str, job_id: UUID, attempt: int
) -> AbstractContextManager[object]:
    """For a step of a job: prepare, execute or complete."""
    if not is_sampled(carrier):
        return message_context(carrier)
    attributes = _attributes(step, "process", queue, system="wanderamt.jobs") | {
        "messaging.message.id": str(job_id),
        "wanderamt.job.attempt": attempt,
    }
    return span_in_context(carrier, f"{step} {queue}", attributes=attributes)


def _attributes(name: str, type_: str, destination: str, *, system: str = "kafka") -> dict[str, Any]:
    return {
        "messaging.system": system,
        "messaging.operation.name": name,
        "messaging.operation.type": type_,
        "messaging.destination.name": destination,
    }
