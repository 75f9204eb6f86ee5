"""Simulated registers: the register's protocol on a real socket, with faults that can be switched while it runs.

Invariants: the simulator counts calls and effects by the caller's id, with times, so that duplicated effects and an
exceeded rate are visible where they would do harm. Randomness comes from a seed.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connector_kit.adapter import CallContext, HttpReply
from connector_kit.folder import BridgeFolder
from connector_kit.manifest.operation import Idempotency, OperationKind
from connector_kit.scenarios import Scenario

Execute = Callable[[], Awaitable[Response]]
Rows = dict[str, list[dict[str, Any]]]
"""The rows of a register's tables, by the name of the table."""
A = TypeVar("A")


class FaultConfig(BaseModel):
    """Shares are between 0 and 1. `apply_then_timeout_share`: executes the order, then sends nothing for `hang_s`;
    `timeout_share`: does not execute it."""

    model_config = ConfigDict(extra="forbid")

    latency_s: float = Field(0.05, ge=0)
    jitter_s: float = Field(0.0, ge=0)
    latency_curve: list[tuple[float, float]] = Field(
        [],
        description="(share, seconds): this share of the calls takes at most that long; replaces latency and jitter.",
    )
    error_share: float = Field(0.0, ge=0, le=1)
    html_share: float = Field(0.0, ge=0, le=1, description="HTTP 200 with a login page of a proxy.")
    cut_share: float = Field(0.0, ge=0, le=1, description="An answer cut off in its middle.")
    apply_then_timeout_share: float = Field(0.0, ge=0, le=1)
    timeout_share: float = Field(0.0, ge=0, le=1)
    hang_s: float = Field(30.0, ge=0)
    per_s: float = Field(0.0, ge=0, description="More calls per second than this get 429; 0: no limit.")
    fail_next: int = Field(0, ge=0)
    fail_ids: list[str] = Field([], description="Calls with these ids fail every time.")
    auth_fails: bool = Field(default=False, description="Answers 401, as a portal with wrong credentials.")
    down: bool = False


@dataclass
class CallLog:
    """What the register received: `calls` and `effects` by the caller's id, `at` the time of each call in seconds.
    `injected`: how often each fault met a call."""

    calls: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    at: list[float] = field(default_factory=list)
    concurrent: int = 0
    max_concurrent: int = 0

    def in_last_second(self, moment: float) -> int:
        return sum(1 for _ in takewhile(lambda at: moment - at < 1.0, reversed(self.at)))

    def duplicated(self) -> list[str]:
        return sorted(call_id for call_id, count in self.effects.items() if count > 1)

    def report(self) -> dict[str, Any]:
        return {
            "calls": self.calls.total(),
            "requests": len(self.calls),
            "effects": self.effects.total(),
            "duplicated": self.duplicated()[:100],
            "injected": dict(self.injected),
            "max_concurrent": self.max_concurrent,
            "max_per_second": self.max_per_second(),
        }

    def max_per_second(self) -> int:
        """The most calls within any second (sliding window)."""
        most = first = 0
        for last, moment in enumerate(self.at):
            while moment - self.at[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most


K = TypeVar("K", bound=BaseModel)
N = TypeVar("N", bound=FaultConfig)


class Simulator(Generic[K]):
    """Faults, a call log and rows. `/_simulator` shows the first two and changes the faults, `/_simulator/rows` shows
    the rows, whatever protocol the register speaks."""

    def __init__(self, routes: Sequence[BaseRoute] = (), *, faults: K, seed: int = 1) -> None:
        self.faults = faults
        self.call_log = CallLog()
        self._rng = random.Random(seed)  # noqa: S311 -- simulated faults, no secret
        self._executed: dict[str, Any] = {}
        self.app = Starlette(
            routes=[
                Route("/_simulator", self.show, methods=["GET"]),
                Route("/_simulator", self.apply_faults, methods=["POST"]),
                Route("/_simulator/rows", self.show_rows, methods=["GET"]),
                *routes,  # last: a ScenarioSimulator answers every path
            ]
        )

    def report(self) -> dict[str, Any]:
        """What `/_simulator` shows."""
        return {**self.call_log.report(), "faults": self.faults.model_dump(mode="json")}

    def rows(self) -> Rows:
        """What the register holds; none for a simulator that keeps nothing."""
        return {}

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        """Brings the register into the state in which this question of a scenario succeeds: whoever cancels something
        needs something to cancel. The checks call it before each question; a second time it changes nothing."""

    def execute_once(self, call_id: str, execute: Callable[[], A]) -> A:
        """The answer to the first order with this id, however often it comes; counts the effect. An order that
        `execute` refuses by an exception had none."""
        if call_id not in self._executed:
            self._executed[call_id] = execute()
            self.call_log.effects[call_id] += 1
        answer: A = self._executed[call_id]
        return answer

    async def show(self, _: Request) -> JSONResponse:
        return JSONResponse(self.report())

    async def show_rows(self, _: Request) -> JSONResponse:
        return JSONResponse(self.rows())

    async def apply_faults(self, request: Request) -> JSONResponse:
        changed: dict[str, Any] = await request.json()
        try:
            self.faults = type(self.faults).model_validate({**self.faults.model_dump(mode="json"), **changed})
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse(self.faults.model_dump(mode="json"))

    def chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share


class LatencySimulator(Simulator[N]):
    """A simulator with latency and a rate limit."""

    def latency_s(self) -> float:
        faults = self.faults
        if not faults.latency_curve:
            return max(0.0, faults.latency_s + self._rng.uniform(-1, 1) * faults.jitter_s)
        drawn, (before, least_s) = self._rng.random(), (0.0, 0.0)
        for share, most_s in sorted(faults.latency_curve):
            if drawn <= share and share > before:
                return least_s + (most_s - least_s) * (drawn - before) / (share - before)
            before, least_s = share, most_s
        return least_s

    def over_limit(self) -> bool:
        return bool(self.faults.per_s) and self.call_log.in_last_second(now()) > self.faults.per_s

    @contextmanager
    def counting(self, call_id: str) -> Iterator[None]:
        """Counts a call while it runs."""
        log = self.call_log
        log.calls[call_id] += 1
        log.at.append(now())
        log.concurrent += 1
        log.max_concurrent = max(log.max_concurrent, log.concurrent)
        try:
            yield
        finally:
            log.concurrent -= 1


class HttpSimulator(LatencySimulator[N]):
    """Applies faults around what the register does. `base_path`: the end of the register's base address."""

    base_path = ""

    async def respond(self, call_id: str, execute: Execute, *, make_error: Callable[[], Response]) -> Response:
        """`execute` has the effect and makes the answer; `make_error` is how this protocol reports a failure."""
        with self.counting(call_id):
            return await self._respond(call_id, execute, make_error)

    async def _respond(self, call_id: str, act: Execute, broken: Callable[[], Response]) -> Response:
        faults = self.faults
        if faults.down:
            self._inject("down")
            return Response("<html><body>maintenance</body></html>", 503, media_type="text/html")
        if faults.auth_fails:
            return Response("<html><body>unauthorized</body></html>", 401, media_type="text/html")
        if self.over_limit():
            return Response(status_code=429, headers={"Retry-After": "1"})
        await asyncio.sleep(self.latency_s())
        if call_id in faults.fail_ids:
            return broken()
        if faults.fail_next:
            faults.fail_next -= 1
            return broken()
        if self.chance(faults.error_share):
            self._inject("error")
            return broken()
        if self.chance(faults.html_share):
            self._inject("login page")
            return Response("<html><body>Please log in</body></html>", 200, media_type="text/html")
        if self.chance(faults.timeout_share):
            self._inject("time-out before the effect")
            await asyncio.sleep(faults.hang_s)
            return broken()
        answer = await act()
        if self.chance(faults.apply_then_timeout_share):
            self._inject("time-out after the effect")
            await asyncio.sleep(faults.hang_s)
        if self.chance(faults.cut_share):
            self._inject("cut answer")
            half = bytes(answer.body)[: len(answer.body) // 2]
            return Response(half, answer.status_code, media_type=answer.media_type)
        return answer

    def _inject(self, fault: str) -> None:
        self.call_log.injected[fault] += 1


UUID_TEXT = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def call_id_in(headers: Iterable[bytes], query: bytes, body: bytes) -> str:
    """The caller's id, wherever it is: registers differ in that, and nothing else looks like a UUID."""
    for text in (*headers, query, body):
        if match := UUID_TEXT.search(text.lower()):
            return match.group().decode()
    return ""


class ScenarioSimulator(HttpSimulator[FaultConfig]):
    """A register made from its bridge's scenarios: each operation answers as in its first scenario with outcome
    `succeeded`, whatever the question. A repeated order has no second effect if its idempotency is `by_key`."""

    def __init__(self, folder: BridgeFolder, *, faults: FaultConfig | None = None, seed: int = 1) -> None:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        super().__init__(
            [Route("/{path:path}", self.answer, methods=methods)], faults=faults or FaultConfig(), seed=seed
        )
        self._known: dict[str, Response] = {}
        self._replies = [
            (
                _route_of(folder, scenario),
                folder.manifest.operations[scenario.operation],
                scenario.reply.to_http_reply(),
            )
            for scenario in folder.scenarios
            if scenario.reply and scenario.expect.outcome == "succeeded"
        ]

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        call_id = call_id_in((value for _, value in request.headers.raw), request.url.query.encode(), body)

        async def act() -> Response:
            return self._act(request, call_id)

        return await self.respond(call_id, act, make_error=lambda: Response(status_code=503))

    def _act(self, request: Request, call_id: str) -> Response:
        action = request.headers.get("soapaction", "")
        for route, operation, reply in self._replies:
            if (request.method, action) != (route.method, route.action) or not route.path.fullmatch(request.url.path):
                continue
            if operation.kind is OperationKind.LOOKUP:
                return _to_response(reply)
            if operation.idempotency is not Idempotency.BY_KEY or call_id not in self._known:
                self.call_log.effects[call_id] += 1
                self._known[call_id] = _to_response(reply)
            return self._known[call_id]
        return Response(status_code=404)


def now() -> float:
    """The event loop's time: real time on a socket, virtual time in the checks."""
    return asyncio.get_running_loop().time()


def _to_response(reply: HttpReply) -> Response:
    return Response(reply.body, reply.status, {**reply.headers})


@dataclass(frozen=True)
class _RoutePattern:
    """How a request is recognised. Parts of the path that come from the question may have any value."""

    method: str
    path: re.Pattern[str]
    action: str


def _route_of(folder: BridgeFolder, scenario: Scenario) -> _RoutePattern:
    operation = folder.manifest.operations[scenario.operation]
    question = folder.models[operation.question].model_validate(scenario.question)
    context = CallContext(UUID(int=1), "officer", operation.purposes[0])
    call = folder.adapter().encode(scenario.operation, question, context)
    path = re.escape(call.path or "/")
    for value in sorted(map(str, scenario.question.values()), key=len, reverse=True):
        for written in {re.escape(quote(value, safe="")), re.escape(value)}:
            path = path.replace(written, "[^/]+") if value else path
    return _RoutePattern(call.method, re.compile(path), call.headers.get("SOAPAction", ""))
