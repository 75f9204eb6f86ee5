"""Traces, metrics and logs of a service process.

The standard variables of OpenTelemetry configure resource, sampler and export (OTEL_SERVICE_NAME,
OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, …): the SDK
reads them. Invariants: without an endpoint nothing leaves the process, and no exporter is loaded.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracerProvider

from wanderamt.shell.logs import start_logs

NAMESPACE = "wanderamt"
FILE_INTERVAL_MS = 500


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
        "links": [f"{link.context.trace_id:032x}" for link in span.links],
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "attributes": dict(span.attributes or {}),
        "status": span.status.status_code.name.lower(),
    }


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The providers of this process; None where nothing is recorded."""

    traces: TracerProvider | None
    metrics: MeterProvider
    logs: LoggerProvider | None

    def stop(self) -> None:
        """Exports what was recorded until now."""
        for provider in (self.traces, self.metrics, self.logs):
            if provider:
                provider.shutdown()


def start_telemetry(service: str, *, export_otlp: bool, trace_folder: str, log_level: str) -> Telemetry:
    """Installs one provider of each kind per process. `export_otlp`: to OTEL_EXPORTER_OTLP_ENDPOINT."""
    resource = resource_of(service)
    logs = _create_logs(resource) if export_otlp else None
    start_logs(log_level, otlp=logs.get_logger(NAMESPACE) if logs else None)
    traces = start_traces(service, export_otlp=export_otlp, trace_folder=trace_folder)
    return Telemetry(traces, start_metrics(resource, export_otlp=export_otlp), logs)


def resource_of(service: str) -> Resource:
    """The attributes of this process; the environment's go before ours."""
    ours = Resource.create({"service.name": service, "service.namespace": NAMESPACE})
    return ours.merge(OTELResourceDetector().detect())


def start_traces(service: str, *, export_otlp: bool = False, trace_folder: str = "") -> TracerProvider | None:
    """None without an endpoint and a folder: trace ids are still passed on."""
    if not export_otlp and not trace_folder:
        trace.set_tracer_provider(NoOpTracerProvider())  # without one the API reads the environment at each span
        return None
    provider = TracerProvider(resource=resource_of(service))
    if export_otlp:
        # loaded here: it brings protobuf and requests, which a service without a collector does not need
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    if trace_folder:
        lines = JsonLinesExporter(Path(trace_folder) / f"{service}.jsonl")
        provider.add_span_processor(BatchSpanProcessor(lines, schedule_delay_millis=FILE_INTERVAL_MS))
    trace.set_tracer_provider(provider)
    return provider


def start_metrics(resource: Resource, *, export_otlp: bool) -> MeterProvider:
    """The route /metrics returns the metrics in the Prometheus text format, with or without an endpoint."""
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if export_otlp:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    provider = MeterProvider(resource=resource, metric_readers=readers)
    metrics.set_meter_provider(provider)
    return provider


def _create_logs(resource: Resource) -> LoggerProvider:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    return provider
