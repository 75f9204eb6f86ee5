"""Which traces are recorded: the sampled flag decides, whatever other flags are set."""

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
