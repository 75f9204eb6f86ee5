"""The trace of a message, and which traces are recorded: the sampled flag decides, whatever other flags are set."""

import asyncio
import json
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from wanderamt.backbone.observability import tracing

ID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)


@pytest.mark.parametrize(
    ("flags", "sampled"), [("01", True), ("03", True), ("00", False), ("02", False), ("zz", False)]
)
def test_the_sampled_flag_decides(provider: None, flags: str, sampled: bool) -> None:
    assert tracing.is_sampled({"traceparent": ID + flags}) is sampled


def test_a_trace_that_starts_here_is_recorded(provider: None) -> None:
    assert tracing.is_sampled({})


def test_without_a_provider_nothing_is_recorded() -> None:
    assert not tracing.is_sampled({"traceparent": ID + "01"})


@pytest.mark.parametrize("flags", ["01", "00"])
def test_what_happens_while_a_message_is_handled_carries_its_trace(flags: str) -> None:
    with tracing.message_context({"traceparent": ID + flags}):
        assert tracing.current_trace() == {"traceparent": ID + flags}
    assert tracing.current_trace() == {}


def test_a_message_without_a_trace_inherits_none() -> None:
    with tracing.message_context({"traceparent": ID + "01"}), tracing.message_context({}):
        assert tracing.current_trace() == {}


def test_a_span_within_a_message_continues_its_trace() -> None:
    spans = TracerProvider().get_tracer("test")
    with tracing.message_context({"traceparent": ID + "01"}), spans.start_as_current_span("step") as span:
        assert f"{span.get_span_context().trace_id:032x}" == ID.split("-")[1]
        assert tracing.current_trace()["traceparent"].startswith(ID[:36])


async def test_messages_that_are_handled_at_the_same_time_keep_their_traces() -> None:
    async def handle(number: int) -> str:
        with tracing.message_context({"traceparent": f"00-{number:032x}-b7ad6b7169203331-01"}):
            await asyncio.sleep(0.01)
            return tracing.current_trace()["traceparent"]

    handled = await asyncio.gather(*map(handle, range(1, 9)))
    assert [int(traceparent.split("-")[1], 16) for traceparent in handled] == list(range(1, 9))


def test_every_line_is_json_with_the_ids_of_its_trace(capfd: pytest.CaptureFixture[str]) -> None:
    code = f"""
import asyncio, logging, warnings
import structlog
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.shell.logs import start_logs
start_logs("info")
with message_context({{"traceparent": "{ID}00"}}):
    structlog.get_logger().info("notice.finished", notice_id=7)
    for name in ("uvicorn.error", "aiokafka.consumer", "asyncio", "faststream"):
        logging.getLogger(name).warning("of a library: %s", name)
    warnings.warn("a warning")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line.get("logger", "ours") for line in lines] == [
        *("ours", "uvicorn.error", "aiokafka.consumer", "asyncio", "faststream", "py.warnings")
    ]
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {tuple(ID.split("-")[1:3])}
