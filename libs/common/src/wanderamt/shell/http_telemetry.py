"""Span, duration and log line of each HTTP request.

Our own instead of the instrumentation of ASGI: that one records three spans per request. Invariants: names and
attributes hold the route, never the path, because a path can hold the code of a case; health checks and scrapes leave
no span and no line.
"""

import time
from typing import Any

import structlog
from opentelemetry import metrics, propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_OBSERVED = ("/health/", "/metrics")
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)  # of the convention
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})

log = structlog.get_logger()
tracer = trace.get_tracer(__name__)
_duration = metrics.get_meter(__name__).create_histogram(
    "http.server.request.duration",
    "s",
    "Duration of requests by method, route and status.",
    explicit_bucket_boundaries_advisory=BUCKETS_S,
)


class RequestTelemetry:
    """One server span per request, under the trace that the caller sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_OBSERVED):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500  # of a request whose handler raises

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with tracer.start_as_current_span(
            method,
            context=propagate.extract(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
        ) as span:
            try:
                await self._app(scope, receive, send_observed)
            finally:
                _record(span, method, getattr(scope.get("route"), "path", ""), status, time.perf_counter() - begun)


def _record(span: Span, method: str, route: str, status: int, duration_s: float) -> None:
    attributes: dict[str, Any] = {"http.request.method": method, "http.response.status_code": status}
    if route:
        attributes["http.route"] = route
    if status >= 500:
        attributes["error.type"] = str(status)
        span.set_status(StatusCode.ERROR)
    if span.is_recording():
        span.update_name(f"{method} {route}" if route else method)
        span.set_attributes(attributes)
    _duration.record(duration_s, attributes)
    log.info("request.handled", method=method, route=route, status=status, duration_ms=round(duration_s * 1e3, 1))
