"""A real service process sends traces, metrics and logs to a real OTLP sink, and answers its scraper."""

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.security.roles import Role
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SCRAPE_SECRET = "a-secret-of-the-scraper-with-40-letters!"
SERVER = Span.SpanKind.SPAN_KIND_SERVER
REQUESTS: dict[str, type[Message]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class OtlpSink(ThreadingHTTPServer):
    """An OTLP/HTTP receiver. `received`: (request, value of the header X-Scope) by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OtlpHandler)
        self.received: dict[str, list[tuple[Any, str | None]]] = {path: [] for path in REQUESTS}

    def spans(self) -> list[Any]:
        return [
            span
            for request, _ in self.received["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metric_names(self) -> set[str]:
        return {
            metric.name
            for request, _ in self.received["/v1/metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def log_records(self) -> list[Any]:
        return [
            record
            for request, _ in self.received["/v1/logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def has_records_of(self, event: str, trace_id: str) -> bool:
        return any(record.event_name == event and record.trace_id.hex() == trace_id for record in self.log_records())


class OtlpHandler(BaseHTTPRequestHandler):
    server: OtlpSink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = REQUESTS[self.path]()
        request.ParseFromString(body)
        self.server.received[self.path].append((request, self.headers.get("X-Scope")))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps the output of the tests clean."""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    server = OtlpSink()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def text_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {entry.key: entry.value.string_value for entry in attributes}


async def test_a_service_sends_traces_metrics_and_logs_and_answers_its_scraper(
    sink: OtlpSink, make_database: MakeDatabase, servers: Servers, topics: Topics, run_keys: RunKeys
) -> None:
    port = free_port()
    env = {
        "WANDERAMT_DATABASE_URL": await make_database("scheduling"),
        "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": servers.kafka.bootstrap_servers,
        "WANDERAMT_TOPIC_PREFIX": topics.prefix,
        "WANDERAMT_TOKEN_PUBLIC_KEY": run_keys.public_key,
        "WANDERAMT_ENCRYPTION_KEY": run_keys.encryption_key,
        "WANDERAMT_PORT": str(port),
        "WANDERAMT_TRUSTED_PROXIES": "none",
        "WANDERAMT_METRICS_TOKEN": SCRAPE_SECRET,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.server_address[1]}",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-scope=linz",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_SERVICE_NAME": "stands",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_BLRP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "run", "scheduling"),
        env={**os.environ, **env},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    lines = asyncio.create_task(process.stderr.read())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            await wait_until(lambda: is_ready(http), timeout_s=120, interval_s=0.2)
            await schedule_a_stand(http, run_keys)
            await wait_until(lambda: "publish" in {span.name.split(" ")[0] for span in sink.spans()}, timeout_s=60)
            await wait_until(lambda: sink.has_records_of("request.handled", TRACE_ID), timeout_s=60)
            await wait_until(lambda: "wanderamt.outbox.rows" in sink.metric_names(), timeout_s=60)
            await assert_the_scraper_reads_the_metrics(http, run_keys)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)
    assert_the_spans_follow_the_conventions(sink)
    assert {"db.client.connection.count", "http.server.request.duration"} <= sink.metric_names()
    resource = text_of(sink.received["/v1/traces"][0][0].resource_spans[0].resource.attributes)
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("stands", "test")
    assert {scope for requests in sink.received.values() for _, scope in requests} == {"linz"}
    for line in (await lines).decode().splitlines():
        assert json.loads(line)["event"], line


async def is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def schedule_a_stand(http: httpx.AsyncClient, run_keys: RunKeys) -> None:
    stand = {
        "stand_id": str(uuid7()),
        "place": "Hauptplatz",
        "district": "Innere Stadt",
        "starts_at": "2027-05-04T08:00:00+02:00",
        "ends_at": "2027-05-04T12:00:00+02:00",
        "crew": "Team A",
        "vehicle": "Bus 7",
        "kit": "Koffer 7",
        "services": ["registration_confirmation"],
    }
    headers = run_keys.bearer(Role.PLANNER, audience="scheduling") | {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}
    assert (await http.post("/stands", json=stand, headers=headers)).status_code == 201


async def assert_the_scraper_reads_the_metrics(http: httpx.AsyncClient, run_keys: RunKeys) -> None:
    reply = await http.get("/metrics", headers={"Authorization": f"Bearer {SCRAPE_SECRET}"})
    assert reply.status_code == 200
    assert "wanderamt_relay_shards" in reply.text
    for wrong in ("x", SCRAPE_SECRET[:-1], SCRAPE_SECRET.upper()):
        assert (await http.get("/metrics", headers={"Authorization": f"Bearer {wrong}"})).status_code == 401
    clerk = run_keys.bearer(Role.CLERK, audience="scheduling")
    assert (await http.get("/metrics", headers=clerk)).status_code == 403


def assert_the_spans_follow_the_conventions(sink: OtlpSink) -> None:
    spans = {span.name: span for span in sink.spans() if span.trace_id.hex() == TRACE_ID}
    server = spans["POST /stands"]
    assert text_of(server.attributes)["http.route"] == "/stands"
    assert server.parent_span_id.hex() == PARENT_ID
    assert [span.name for span in sink.spans() if span.trace_id.hex() == TRACE_ID and span.kind == SERVER] == [
        "POST /stands"
    ]
    assert not {"url.path", "url.query"} & {entry.key for span in sink.spans() for entry in span.attributes}
    [publish] = [span for name, span in spans.items() if name.startswith("publish ")]
    attributes = text_of(publish.attributes)
    assert attributes["messaging.system"] == "kafka"
    assert attributes["messaging.operation.type"] == "send"
    assert attributes["messaging.message.id"]
    assert not [span.name for span in sink.spans() if "health" in span.name or "metrics" in span.name]
