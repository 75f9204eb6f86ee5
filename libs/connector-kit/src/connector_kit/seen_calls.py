"""What the machines of an operator see of a call: one span, one measure of how long it took. Never what was asked."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from opentelemetry import metrics, trace

from connector_kit.verdict import Verdict


@dataclass(frozen=True)
class Instruments:
    """Those of the process, unless a check brings its own."""

    tracer: trace.Tracer
    took: metrics.Histogram

    @classmethod
    def of(cls, traces: trace.TracerProvider, meters: metrics.MeterProvider) -> "Instruments":
        about = "How long a call to a register took, by how it ended."
        took = meters.get_meter("connector_kit").create_histogram("bridge.call.duration", unit="s", description=about)
        return cls(traces.get_tracer("connector_kit"), took)


_instruments = [Instruments.of(trace.ProxyTracerProvider(), metrics.get_meter_provider())]


@contextmanager
def seen_by(instruments: Instruments) -> Iterator[None]:
    """What is called in here is seen by these alone."""
    _instruments.append(instruments)
    try:
        yield
    finally:
        _instruments.remove(instruments)


@dataclass
class Ending:
    """`verdict`: the name of how it ended, set by whoever knows."""

    verdict: str = "none"


@contextmanager
def seen_call(register: str, operation: str) -> Iterator[Ending]:
    ending, begun, using = Ending(), perf_counter(), _instruments[-1]
    about = {"bridge.register": register, "bridge.operation": operation}
    with using.tracer.start_as_current_span(
        f"{register} {operation}", kind=trace.SpanKind.CLIENT, attributes=about
    ) as span:
        try:
            yield ending
        finally:
            span.set_attribute("bridge.verdict", ending.verdict)
            using.took.record(perf_counter() - begun, {**about, "bridge.verdict": ending.verdict})


async def seen(register: str, operation: str, calling: Awaitable[Verdict]) -> Verdict:
    """A call that ends in a verdict, whatever it speaks."""
    with seen_call(register, operation) as ending:
        verdict = await calling
        ending.verdict = type(verdict).__name__
        return verdict
