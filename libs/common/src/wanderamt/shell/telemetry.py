"""Traces, metrics and logs of a service process.

Invariants: logs and spans contain ids, never names or payloads.
"""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

EXPORT_INTERVAL_MS = 500
EXPORT_TIMEOUT_S = 10


class JsonLinesExporter(SpanExporter):
    """Appends spans to a file, one JSON object per line: for development without a collector."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self._file.write(json.dumps(_flat(span)) + "\n")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()


def _flat(span: ReadableSpan) -> dict[str, object]:
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "attributes": dict(span.attributes or {}),
        "status": span.status.status_code.name.lower(),
    }


def start_traces(
    service: str, *, otlp_endpoint: str, trace_folder: str, sample_ratio: float = 1.0
) -> TracerProvider | None:
    """Installs one provider per process; None without an endpoint and a folder: trace ids are still passed on."""
    if not otlp_endpoint and not trace_folder:
        return None
    sampler = ParentBasedTraceIdRatio(sample_ratio)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), sampler=sampler)
    if otlp_endpoint:
        # loaded here: it brings protobuf and requests, which a service without a collector does not need
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint=otlp_endpoint, timeout=EXPORT_TIMEOUT_S)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    if trace_folder:
        lines = JsonLinesExporter(Path(trace_folder) / f"{service}.jsonl")
        provider.add_span_processor(BatchSpanProcessor(lines, schedule_delay_millis=EXPORT_INTERVAL_MS))
    trace.set_tracer_provider(provider)
    return provider


def start_metrics(service: str) -> MeterProvider:
    """Installs one provider per process. The route /metrics returns the metrics in the Prometheus text format."""
    resource = Resource.create({"service.name": service})
    provider = MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
    metrics.set_meter_provider(provider)
    return provider


def start_logs(level: str) -> None:
    """Writes JSON lines to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
