"""Telemetry of a call: one span and one duration measurement. Never the content of the question."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from opentelemetry import metrics, trace

from connector_kit.call_outcome import CallOutcome


@dataclass(frozen=True)
class Instruments:
    """The OpenTelemetry instruments of this process; a check can bring its own."""

    tracer: trace.Tracer
    took: metrics.Histogram

    @classmethod
    def of(cls, traces: trace.TracerProvider, meters: metrics.MeterProvider) -> "Instruments":
        description = "Duration of a call to a register, by outcome."
        took = meters.get_meter("connector_kit").create_histogram(
            "bridge.call.duration", unit="s", description=description
        )
        return cls(traces.get_tracer("connector_kit"), took)


_instruments = [Instruments.of(trace.ProxyTracerProvider(), metrics.get_meter_provider())]


@contextmanager
def use_instruments(instruments: Instruments) -> Iterator[None]:
    """Calls inside this context use these instruments only."""
    _instruments.append(instruments)
    try:
        yield
    finally:
        _instruments.remove(instruments)


@dataclass
class ObservedCall:
    """`outcome`: the name of the call's outcome; the caller sets it."""

    outcome: str = "none"


@contextmanager
def observe_call(register: str, operation: str) -> Iterator[ObservedCall]:
    """Traces and measures the calls made inside this context."""
    observed, started, using = ObservedCall(), perf_counter(), _instruments[-1]
    attributes = {"bridge.register": register, "bridge.operation": operation}
    with using.tracer.start_as_current_span(
        f"{register} {operation}", kind=trace.SpanKind.CLIENT, attributes=attributes
    ) as span:
        try:
            yield observed
        finally:
            span.set_attribute("bridge.outcome", observed.outcome)
            using.took.record(perf_counter() - started, {**attributes, "bridge.outcome": observed.outcome})


async def instrument(register: str, operation: str, calling: Awaitable[CallOutcome]) -> CallOutcome:
    """Traces and measures one call, for any transport."""
    with observe_call(register, operation) as observed:
        outcome = await calling
        observed.outcome = type(outcome).__name__
        return outcome
