"""Trace context in rows and headers, and spans that cost nothing when nobody keeps them.

Kept true: the ids of a trace travel on whether or not spans are recorded; a span is made only where a provider is
installed and the trace is sampled.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

tracer = trace.get_tracer(__name__)
SAMPLED = "01"


def current_trace() -> dict[str, str]:
    """The current span as W3C trace context, to travel in rows and headers."""
    carrier: dict[str, str] = {}
    if trace.get_current_span() is not trace.INVALID_SPAN:
        propagate.inject(carrier)
    return carrier


def recording() -> bool:
    """Whether this process keeps any spans at all."""
    return isinstance(trace.get_tracer_provider(), TracerProvider)


def recorded(carrier: Mapping[str, str]) -> bool:
    """Whether a span under this context would be kept by anybody."""
    if not recording():
        return False
    try:
        return bool(int(carrier.get("traceparent", SAMPLED)[-2:], 16) & 1)  # other flags may be set too
    except ValueError:
        return False


@contextmanager
def traced(name: str, traceparent: str | None) -> Iterator[None]:
    """A span under the trace that a message brought along, or under the current one if it brought none."""
    if not traceparent and not recording():
        yield
        return
    context = propagate.extract({"traceparent": traceparent}) if traceparent else None
    with tracer.start_as_current_span(name, context=context):
        yield


@contextmanager
def span_under(
    carrier: Mapping[str, str], name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, Any]
) -> Iterator[None]:
    """A current span under the context in `carrier`."""
    with tracer.start_as_current_span(
        name, context=propagate.extract(dict(carrier)), kind=kind, attributes=dict(attributes)
    ):
        yield
