"""Checks of what others see of a bridge: logs, codes, traces, metrics, and the latency of other registers."""

import asyncio
import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connector_kit.adapter import CallContext, HttpCall, HttpReply
from connector_kit.call_telemetry import Instruments, use_instruments
from connector_kit.conformance.harness import Harness, id_of
from connector_kit.conformance.loop import run
from connector_kit.conformance.static_checks import adapter_does_not_block, outcome_of
from connector_kit.conformance.subject import SECRET, BridgeUnderTest, CheckFailedError, NotApplicableError
from connector_kit.scenarios import Scenario
from connector_kit.testing.driver import DrivenRequestState

CODE = re.compile(r"^[a-z0-9_.-]{1,40}$")
MIN_LENGTH = 4  # characters; shorter values occur in any text


class RecordedTransport:
    """A transport that always gives one recorded reply."""

    def __init__(self, reply: HttpReply) -> None:
        self.reply = reply

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply:
        return self.reply

    async def close(self) -> None:
        return None


def logs_hold_no_personal_data(subject: BridgeUnderTest) -> None:
    """Runs every scenario through the whole bridge; then no value of a question and no secret may be in a log or
    code."""
    with captured_logs() as captured:
        for scenario in subject.scenarios:
            outcome = run(lambda scenario=scenario: _outcome_of(subject, scenario))  # type: ignore[misc]
            code = getattr(outcome, "code", "")
            if code and not CODE.match(code):
                raise CheckFailedError(
                    f"scenario {scenario.name}: the code of its outcome is a sentence; pass it through to_code"
                )
            captured.write(f"\n{code}\n")
            if scenario.reply:
                adapter, reply = subject.adapter(), scenario.reply.to_http_reply()
                for body in _corrupted(reply.body):
                    adapter.classify(scenario.operation, replace(reply, body=body))
    text = captured.getvalue().lower()
    for scenario in subject.scenarios:
        for value in (scenario.expect.result or {}).values():
            if isinstance(value, str) and len(value) >= MIN_LENGTH and value.lower() in text:
                raise CheckFailedError(f"scenario {scenario.name}: a value of the answer appears in a log or a code")
    for scenario in subject.scenarios:
        for field, value in scenario.question.items():
            if isinstance(value, str) and len(value) >= MIN_LENGTH and value.lower() in text:
                raise CheckFailedError(f"scenario {scenario.name}: {field} of the question appears in a log or a code")
    if SECRET in text:
        raise CheckFailedError("a secret appears in a log or a code")


def _corrupted(body: bytes) -> Iterator[bytes]:
    """The answer with a character before one of its values, each value in turn: error messages must not quote it."""
    for match in re.finditer(rb"(?<=[>\"])[^<>\"]+(?=[<\"])", body):
        yield body[: match.start()] + b"!" + body[match.start() :]


async def _outcome_of(subject: BridgeUnderTest, scenario: Scenario) -> Any:
    if not scenario.reply:
        return outcome_of(subject, subject.adapter(), scenario)
    bridge = subject.make_bridge(subject, RecordedTransport(scenario.reply.to_http_reply()))
    context = CallContext(id_of(1), "officer", subject.manifest.operations[scenario.operation].purposes[0])
    return await bridge.call(scenario.operation, scenario.question_json(1), context)


@contextmanager
def captured_logs() -> Iterator[io.StringIO]:
    """Everything logged in this context, by structlog or the standard library."""
    captured = io.StringIO()
    handler = logging.StreamHandler(captured)
    root = logging.getLogger()  # noqa: TID251 -- captures what others log
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with structlog.testing.capture_logs() as entries:
            yield captured
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        captured.write("\n".join(map(str, entries)))


def other_registers_are_not_slowed(subject: BridgeUnderTest) -> None:
    """A slow, failing register must not change the latency of another one in the same process."""
    adapter_does_not_block(subject)
    if subject.folder.uses_files:
        return
    alone, beside = (run(lambda slow=slow: _neighbour(subject, slow)) for slow in (False, True))  # type: ignore[misc]
    if beside > alone * 1.1:
        raise CheckFailedError(
            f"another register's p99 latency is {beside:.2f} s beside this bridge, and {alone:.2f} s alone"
        )


async def _neighbour(subject: BridgeUnderTest, slow: bool) -> float:  # noqa: FBT001
    """The p99 of another register's calls, in seconds of virtual time."""
    bridge = subject.make_bridge(subject, subject.transport(subject.simulator(latency_s=0.1, jitter_s=0.0)))
    name = next(iter(subject.manifest.operations))
    harness = Harness(subject, latency_s=30.0, error_share=0.2)
    for _ in range(40 * slow):
        harness.submit(name)
    background = asyncio.create_task(harness.run(120))
    loop, took = asyncio.get_running_loop(), []
    context = CallContext(id_of(1), "officer", subject.manifest.operations[name].purposes[0])
    for number in range(100):
        started = loop.time()
        await bridge.call(name, subject.example(name).question_json(number), replace(context, call_id=id_of(number)))
        took.append(loop.time() - started)
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    return sorted(took)[-2]


def calls_are_traced_and_measured(subject: BridgeUnderTest) -> None:
    if subject.folder.uses_files:
        raise NotApplicableError("the kit alone traces file steps; no code of the bridge is involved")
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(spans))
    with use_instruments(Instruments.of(traces, MeterProvider([reader]))):
        run(lambda: _one_call(subject))
    name = next(iter(subject.manifest.operations))
    expected = {"bridge.register": subject.manifest.id, "bridge.operation": name}
    attributes = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    if not any(
        expected.items() <= span.items() and span.get("bridge.outcome", "none") != "none" for span in attributes
    ):
        raise CheckFailedError(
            "a call left no span with register, operation and outcome: call through connector_kit's Bridge"
        )
    data = reader.get_metrics_data()
    names = {m.name for r in (data.resource_metrics if data else ()) for s in r.scope_metrics for m in s.metrics}
    if "bridge.call.duration" not in names:
        raise CheckFailedError("a call was not measured: call through connector_kit's Bridge")


async def _one_call(subject: BridgeUnderTest) -> None:
    harness = Harness(subject)
    harness.submit(next(iter(subject.manifest.operations)))
    await harness.run(60)
    harness.expect({DrivenRequestState.COMPLETED}, situation="one call")
