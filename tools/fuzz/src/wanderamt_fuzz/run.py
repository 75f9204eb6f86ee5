"""A fuzz run: requests of every caller to every route, and what must not come back.

Invariants: no 5xx, no connection closed without an answer, no redirect, a problem document for an unknown address, and
no traceback in the log of a service.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from wanderamt.backbone.environment import utc_now
from wanderamt_local.system import SERVICES, System

from wanderamt_fuzz.http_client import NO_ANSWER, HostileRequest, HttpAnswer, RawClient
from wanderamt_fuzz.known_things import Caller, KnownThings
from wanderamt_fuzz.preparation import callers
from wanderamt_fuzz.requests import hostile_request
from wanderamt_fuzz.routes import ANYWHERE, Route, routes_of

CONNECTIONS = 8
SHOWN_BYTES = 300
SHOWN_FAULTS = 5  # of each route
TRACEBACK = b"Traceback (most recent call last)"
REFUSED = frozenset({401, 403})
PROBES = 6
MAX_SENT = 60_000  # bytes; a server that hangs up while the client still sends resets the connection, answer included
MOSTLY = 0.7  # of the probes are refused: the route does not admit the caller
OF_THE_SERVER = b"Invalid HTTP request received."
"""The answer of the HTTP server to what is no HTTP: the application never sees it."""
Print = Callable[[str], None]


@dataclass(slots=True)
class FuzzReport:
    """`faults`: sentences that are enough to send the request again."""

    requests: int = 0
    routes: int = 0
    server_errors: int = 0
    tracebacks: int = 0
    faults: list[str] = field(default_factory=list)
    reached: dict[str, list[str]] = field(default_factory=dict)
    """Titles of the callers that each route admits."""

    @property
    def clean(self) -> bool:
        return not self.faults and not self.server_errors and not self.tracebacks

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.routes} routes, {self.server_errors} server errors, "
            f"{self.tracebacks} tracebacks, {len(self.faults)} faults in all"
        )


class ServiceLogs:
    """The logs of the services from now on."""

    def __init__(self, system: System) -> None:
        folder = system.state.subfolder("logs")
        self._read_until: dict[Path, int] = {
            (path := folder / f"{service}.log"): path.stat().st_size for service in SERVICES
        }

    def new_tracebacks(self) -> list[str]:
        """The ends of the tracebacks that were written since the last call."""
        tracebacks: list[str] = []
        for path, start in self._read_until.items():
            with path.open("rb") as log:
                log.seek(start)
                written = log.read()
            self._read_until[path] = start + len(written)
            tracebacks += [f"{path.name}: {_end(line)}" for line in written.split(b"\n") if TRACEBACK in line]
        return tracebacks


async def fuzz(
    system: System,
    things: KnownThings,
    *,
    requests: int,
    seed: int,
    services: Sequence[str] = SERVICES,
    only: str = "",
    report_progress: Print = lambda _: None,
) -> FuzzReport:
    """`requests`: per route. `only`: a part of the titles of the routes to fuzz, such as 'POST /sync'."""
    report, logs = FuzzReport(), ServiceLogs(system)
    for service in services:
        known = callers(system, service, things)
        for route in (route for route in routes_of(service) if only in route.title):
            begun, before = perf_counter(), len(report.faults)
            admitted = await _admitted(system, route, known, things)
            report.reached[route.title] = [caller.title for caller in admitted]
            await _fuzz_route(system, route, admitted, things, report, requests=requests, seed=seed)
            for traceback in logs.new_tracebacks():
                report.tracebacks += 1
                report.faults.append(f"traceback during {route.title}: {traceback}")
            report.routes += 1
            for fault in report.faults[before : before + SHOWN_FAULTS]:
                report_progress(fault)
            report_progress(
                f"{route.title}: {requests} requests in {perf_counter() - begun:.1f} s as "
                f"{', '.join(report.reached[route.title])}; {len(report.faults) - before} faults"
            )
    return report


async def _admitted(system: System, route: Route, known: Sequence[Caller], things: KnownThings) -> list[Caller]:
    """The anonymous caller, and those whom the route does not refuse for their role or device."""
    admitted = [known[0]]
    async with _client(system, route.service) as client:
        for caller in known[1:]:
            requests = [
                _signed(hostile_request(route, caller, things, seed=0, number=n), caller, 0) for n in range(PROBES)
            ]
            statuses = [(await _send(client, request)).status for request in requests]
            if sum(status in REFUSED for status in statuses) < PROBES * MOSTLY:
                admitted.append(caller)
    return admitted


async def _fuzz_route(
    system: System,
    route: Route,
    admitted: Sequence[Caller],
    things: KnownThings,
    report: FuzzReport,
    *,
    requests: int,
    seed: int,
) -> None:
    numbers = iter(range(requests))

    async def send_some() -> None:
        async with _client(system, route.service) as client:
            for number in numbers:
                caller = admitted[number % len(admitted)]
                request = _signed(hostile_request(route, caller, things, seed=seed, number=number), caller, number)
                response = await _send(client, request)
                fault = fault_of(route, request, response)
                report.requests += 1
                if fault:
                    report.server_errors += response.status >= 500
                    report.faults.append(_describe(route, caller, request, response, fault, seed=seed, number=number))

    async with asyncio.TaskGroup() as workers:
        for _ in range(CONNECTIONS):
            workers.create_task(send_some())


async def _send(client: RawClient, request: HostileRequest) -> HttpAnswer:
    try:
        return await client.send(request)
    except TimeoutError:
        return HttpAnswer(NO_ANSWER)


def fault_of(route: Route, request: HostileRequest, response: HttpAnswer) -> str:
    """Empty: the response is as it must be."""
    status = response.status
    if status == NO_ANSWER:
        sent_too_much = len(request.encode(b"")) > MAX_SENT
        return "" if request.cut or sent_too_much else "no answer"
    if status >= 500:
        return "server error"
    if "//" in response.headers.get("location", ""):
        return f"redirect to {response.headers['location']}"
    unknown = route.path == ANYWHERE or status in {404, 405}
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    is_page = "text/html" in response.headers.get("content-type", "")
    if unknown and status >= 400 and not is_problem and request.method != b"HEAD" and response.body != OF_THE_SERVER:
        return "" if is_page and route.path != ANYWHERE else "no problem document"
    return ""


def _signed(request: HostileRequest, caller: Caller, number: int) -> HostileRequest:
    """With a proof of the caller's key, sometimes with a hostile time."""
    if not caller.key:
        return request
    times = (None, None, 1e308, -1e308, 10.0**18, "nan", "9" * 400)
    issued_at = times[number % len(times)]
    proof = caller.proof(
        request.method.decode("latin-1"),
        urlsplit(request.target.decode("latin-1")).path if b"[" not in request.target else "/",
        issued_at=utc_now().timestamp() if issued_at is None else issued_at,
    )
    return HostileRequest(
        request.method,
        request.target,
        (*request.headers, (b"DPoP", proof.encode())),
        request.body,
        framed=request.framed,
        cut=request.cut,
    )


def _client(system: System, service: str) -> RawClient:
    return RawClient("127.0.0.1", system.ports[service])


def _describe(
    route: Route, caller: Caller, request: HostileRequest, response: HttpAnswer, fault: str, *, seed: int, number: int
) -> str:
    headers = {
        name: value[:SHOWN_BYTES]
        for name, value in request.headers
        if value.decode("latin-1") != f"Bearer {caller.token}"
    }
    return (
        f"{fault} ({response.status}) for {route.title} as {caller.title}, seed {seed}, number {number}: "
        f"{request.method!r} {request.target[:SHOWN_BYTES]!r} {headers!r} {request.body[:SHOWN_BYTES]!r} "
        f"→ {response.body[:SHOWN_BYTES]!r}"
    )


def _end(line: bytes) -> str:
    """The event of a log line and the innermost frames."""
    try:
        fields = json.loads(line)
        return f"{fields.get('event')} {str(fields.get('exception'))[-700:]}"
    except ValueError:
        return line.decode("utf-8", "replace")[-700:]
