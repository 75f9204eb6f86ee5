"""Trace context in rows and record headers, and spans that cost nothing while nobody records them.

Invariants: the trace of a message is the current OpenTelemetry context while the message is handled, and only then; the
ids of a trace are passed on whether or not spans are recorded; a span is created only where a provider is installed and
the trace is sampled.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Token
from functools import cached_property
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, ProxyTracerProvider, SpanContext, SpanKind

tracer = trace.get_tracer(__name__)
SAMPLED = "01"


class MessageSpan(NonRecordingSpan):
    """The sender's span of a message as W3C trace context. Parsed on first use: most handlers only pass it on."""

    def __init__(self, carrier: Mapping[str, str]) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.carrier = carrier

    def get_span_context(self) -> SpanContext:
        return self._parsed

    @cached_property
    def _parsed(self) -> SpanContext:
        return trace.get_current_span(propagate.extract(self.carrier)).get_span_context()


class message_context:  # noqa: N801 -- used like a function; a generator would cost twice as much per message
    """`with message_context(header.trace):` what happens inside belongs to the trace of this message.

    An empty carrier is a message without a trace: what happens inside belongs to no trace.
    """

    __slots__ = ("_carrier", "_token")
    _token: Token[Context]

    def __init__(self, carrier: Mapping[str, str]) -> None:
        self._carrier = carrier

    def __enter__(self) -> None:
        carrier = self._carrier
        self._token = attach(Context({_SPAN_KEY: MessageSpan(carrier)}) if carrier else _NO_TRACE)

    def __exit__(self, *_: object) -> None:
        detach(self._token)


def current_trace() -> dict[str, str]:
    """The current span as W3C trace context, for rows and headers."""
    span = trace.get_current_span()
    if isinstance(span, MessageSpan):
        return dict(span.carrier)
    carrier: dict[str, str] = {}
    if span is not trace.INVALID_SPAN:
        propagate.inject(carrier)
    return carrier


def tracing_enabled() -> bool:
    """Whether this process records spans at all."""
    return not isinstance(trace.get_tracer_provider(), _RECORDING_NOTHING)


def is_sampled(carrier: Mapping[str, str]) -> bool:
    """Whether a span under this context would be recorded."""
    if not tracing_enabled():
        return False
    try:
        return bool(int(carrier.get("traceparent", SAMPLED)[-2:], 16) & 1)  # other flags may be set too
    except ValueError:
        return False


def span_from_traceparent(name: str, traceparent: str | None) -> AbstractContextManager[object]:
    """A current span under the trace of a message, or under the current trace if the message has none."""
    if not traceparent and not tracing_enabled():
        return _NO_SPAN
    context = propagate.extract({"traceparent": traceparent}) if traceparent else None
    return tracer.start_as_current_span(name, context=context)


@contextmanager
def span_in_context(
    carrier: Mapping[str, str], name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Mapping[str, Any]
) -> Iterator[None]:
    """A current span under the context in `carrier`."""
    with tracer.start_as_current_span(
        name, context=propagate.extract(dict(carrier)), kind=kind, attributes=dict(attributes)
    ):
        yield


_RECORDING_NOTHING = (ProxyTracerProvider, NoOpTracerProvider)  # a union would be built anew at each call
_NO_TRACE = Context()
_NO_SPAN = nullcontext()
_SPAN_KEY = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, _NO_TRACE)))
