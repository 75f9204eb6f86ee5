"""Trace context in rows and record headers, and spans that cost nothing while nobody records them.

Invariants: the ids of a trace are passed on whether or not spans are recorded; a span is created only where a provider
is installed and the trace is sampled.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanKind

tracer = trace.get_tracer(__name__)
SAMPLED = "01"


def current_trace() -> dict[str, str]:
    """The current span as W3C trace context, for rows and headers."""
    carrier: dict[str, str] = {}
    if trace.get_current_span() is not trace.INVALID_SPAN:
        propagate.inject(carrier)
    return carrier


def tracing_enabled() -> bool:
    """Whether this process records spans at all."""
    return not isinstance(trace.get_tracer_provider(), ProxyTracerProvider | NoOpTracerProvider)


def is_sampled(carrier: Mapping[str, str]) -> bool:
    """Whether a span under this context would be recorded."""
    if not tracing_enabled():
        return False
    try:
        return bool(int(carrier.get("traceparent", SAMPLED)[-2:], 16) & 1)  # other flags may be set too
    except ValueError:
        return False


@contextmanager
def span_from_traceparent(name: str, traceparent: str | None) -> Iterator[None]:
    """A current span under the trace of a message, or under the current trace if the message has none."""
    if not traceparent and not tracing_enabled():
        yield
        return
    context = propagate.extract({"traceparent": traceparent}) if traceparent else None
    with tracer.start_as_current_span(name, context=context):
        yield


@contextmanager
def span_in_context(
    carrier: Mapping[str, str], name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, Any]
) -> Iterator[None]:
    """A current span under the context in `carrier`."""
    with tracer.start_as_current_span(
        name, context=propagate.extract(dict(carrier)), kind=kind, attributes=dict(attributes)
    ):
        yield
