"""Checks of what others see of a bridge: logs, codes, traces, metrics, and its neighbours' answers."""

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

from connector_kit.adapter import HttpCall, HttpReply, Stamp
from connector_kit.conformance.candidate import SECRET, Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.loop import run
from connector_kit.conformance.pure import holds_up_nobody, verdict_of
from connector_kit.conformance.rig import Rig, id_of
from connector_kit.driver import Fate
from connector_kit.scenarios import Scenario
from connector_kit.seen_calls import Instruments, seen_by

CODE = re.compile(r"^[a-z0-9_.-]{1,40}$")
SHORTEST = 4  # signs of a value that would be seen for what it is


class Canned:
    """A wire that answers with one recorded reply."""

    def __init__(self, reply: HttpReply) -> None:
        self.reply = reply

    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply:
        return self.reply

    async def close(self) -> None:
        return None


def nothing_personal_is_told(candidate: Candidate) -> None:
    """Every scenario through the whole bridge; then no value of a question, and no secret, stands in log or code."""
    with heard() as told:
        for scenario in candidate.scenarios:
            verdict = run(lambda one=scenario: _ended(candidate, one))  # type: ignore[misc]
            code = getattr(verdict, "code", "")
            if code and not CODE.match(code):
                raise CheckFailed(
                    f"scenario {scenario.name}: the code of its verdict is a text; pass it through code_of"
                )
            told.write(f"\n{code}\n")
            if scenario.reply:
                adapter, reply = candidate.adapter(), scenario.reply.native()
                for body in _spoilt(reply.body):
                    adapter.classify(scenario.operation, replace(reply, body=body))
    text = told.getvalue().lower()
    for scenario in candidate.scenarios:
        for value in (scenario.expect.result or {}).values():
            if isinstance(value, str) and len(value) >= SHORTEST and value.lower() in text:
                raise CheckFailed(f"scenario {scenario.name}: a value of the answer stands in a log or a code")
    for scenario in candidate.scenarios:
        for field, value in scenario.question.items():
            if isinstance(value, str) and len(value) >= SHORTEST and value.lower() in text:
                raise CheckFailed(f"scenario {scenario.name}: {field} of the question stands in a log or a code")
    if SECRET in text:
        raise CheckFailed("a secret stands in a log or a code")


def _spoilt(body: bytes) -> Iterator[bytes]:
    """An answer with a sign before one of its values, each in turn: whoever complains of it must not quote it."""
    for found in re.finditer(rb"(?<=[>\"])[^<>\"]+(?=[<\"])", body):
        yield body[: found.start()] + b"!" + body[found.start() :]


async def _ended(candidate: Candidate, scenario: Scenario) -> Any:
    if not scenario.reply:
        return verdict_of(candidate, candidate.adapter(), scenario)
    bridge = candidate.make(candidate, Canned(scenario.reply.native()))
    stamp = Stamp(id_of(1), "officer", candidate.manifest.operations[scenario.operation].purposes[0])
    return await bridge.call(scenario.operation, scenario.asked(1), stamp)


@contextmanager
def heard() -> Iterator[io.StringIO]:
    """What is logged in here, by structlog or the standard library."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    root = logging.getLogger()  # noqa: TID251 -- hears what others log
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with structlog.testing.capture_logs() as entries:
            yield told
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        told.write("\n".join(map(str, entries)))


def neighbours_keep_their_pace(candidate: Candidate) -> None:
    """Slow and failing, it changes nothing for a neighbour of the same process."""
    holds_up_nobody(candidate)
    if candidate.folder.batch:
        return
    alone, beside = (run(lambda slow=slow: _neighbour(candidate, slow)) for slow in (False, True))  # type: ignore[misc]
    if beside > alone * 1.1:
        raise CheckFailed(f"beside this bridge a neighbour's p99 is {beside:.2f} s, alone {alone:.2f} s")


async def _neighbour(candidate: Candidate, slow: bool) -> float:  # noqa: FBT001
    """The p99 of a neighbour's calls, in seconds of the loop."""
    bridge = candidate.make(candidate, candidate.wire(candidate.simulator(latency_s=0.1, jitter_s=0.0)))
    name = next(iter(candidate.manifest.operations))
    rig = Rig(candidate, latency_s=30.0, error_share=0.2)
    for _ in range(40 * slow):
        rig.ask(name)
    running = asyncio.create_task(rig.run(120))
    loop, took = asyncio.get_running_loop(), []
    stamp = Stamp(id_of(1), "officer", candidate.manifest.operations[name].purposes[0])
    for number in range(100):
        begun = loop.time()
        await bridge.call(name, candidate.example(name).asked(number), replace(stamp, call_id=id_of(number)))
        took.append(loop.time() - begun)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return sorted(took)[-2]


def calls_are_traced_and_measured(candidate: Candidate) -> None:
    if candidate.folder.batch:
        raise DoesNotApply("steps of files are traced by the kit alone, no part of a bridge is asked")
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(spans))
    with seen_by(Instruments.of(traces, MeterProvider([reader]))):
        run(lambda: _one_call(candidate))
    name = next(iter(candidate.manifest.operations))
    wanted = {"bridge.register": candidate.manifest.id, "bridge.operation": name}
    told = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    if not any(wanted.items() <= one.items() and one.get("bridge.verdict", "none") != "none" for one in told):
        raise CheckFailed(
            "a call left no span with register, operation and verdict: call through connector_kit's Bridge"
        )
    data = reader.get_metrics_data()
    names = {m.name for r in (data.resource_metrics if data else ()) for s in r.scope_metrics for m in s.metrics}
    if "bridge.call.duration" not in names:
        raise CheckFailed("a call left no measure of its duration: call through connector_kit's Bridge")


async def _one_call(candidate: Candidate) -> None:
    rig = Rig(candidate)
    rig.ask(next(iter(candidate.manifest.operations)))
    await rig.run(60)
    rig.expect({Fate.ENDED}, what="one call")
