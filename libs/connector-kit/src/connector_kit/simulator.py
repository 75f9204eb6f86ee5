"""A register to test against: its protocol on a real socket, with knobs to turn while it runs.

Kept true: it counts what it was asked and what it did, by the caller's own id and with the moment, so that doubled
effects and a broken pace are seen where they would hurt. Chance comes from a seed.
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

from connector_kit.adapter import HttpReply, Stamp
from connector_kit.folder import BridgeFolder
from connector_kit.manifest import Effect, Kind
from connector_kit.scenarios import Scenario

Act = Callable[[], Awaitable[Response]]


class Knobs(BaseModel):
    """Shares are of 1. `apply_then_timeout`: does what it is told and then says nothing for `hang_s`."""

    model_config = ConfigDict(extra="forbid")

    latency_s: float = Field(0.05, ge=0)
    jitter_s: float = Field(0.0, ge=0)
    latency_curve: list[tuple[float, float]] = Field(
        [],
        description="(share, seconds): that share of the calls takes at most so long; instead of latency and jitter.",
    )
    error_share: float = Field(0.0, ge=0, le=1)
    html_share: float = Field(0.0, ge=0, le=1, description="HTTP 200 with a page of some proxy.")
    cut_share: float = Field(0.0, ge=0, le=1, description="An answer that ends in its middle.")
    apply_then_timeout_share: float = Field(0.0, ge=0, le=1)
    hang_s: float = Field(30.0, ge=0)
    per_s: float = Field(0.0, ge=0, description="More calls than this in a second are answered 429; 0: any number.")
    fail_next: int = Field(0, ge=0)
    fail_ids: list[str] = Field([], description="Calls with these ids go wrong, each time.")
    not_let_in: bool = Field(default=False, description="Answers 401, as a portal does that does not know us.")
    down: bool = False


@dataclass
class Seen:
    """What the register saw: `calls` and `effects` by the caller's id, `at` the moment of each call, in seconds."""

    calls: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    at: list[float] = field(default_factory=list)
    together: int = 0
    most_together: int = 0

    def in_last_second(self, moment: float) -> int:
        return sum(1 for _ in takewhile(lambda at: moment - at < 1.0, reversed(self.at)))

    def doubled(self) -> list[str]:
        return sorted(one for one, count in self.effects.items() if count > 1)

    def told(self) -> dict[str, Any]:
        return {
            "calls": self.calls.total(),
            "requests": len(self.calls),
            "effects": self.effects.total(),
            "doubled": self.doubled()[:100],
            "most_together": self.most_together,
            "most_in_a_second": self.most_in_a_second(),
        }

    def most_in_a_second(self) -> int:
        """The most calls in any second, however it is laid."""
        most = first = 0
        for last, moment in enumerate(self.at):
            while moment - self.at[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most


K = TypeVar("K", bound=BaseModel)
N = TypeVar("N", bound=Knobs)


class Simulated(Generic[K]):
    """Knobs, and what was seen. `/_simulator` shows and turns them, whatever protocol the register itself speaks."""

    def __init__(self, routes: Sequence[BaseRoute] = (), *, knobs: K, seed: int = 1) -> None:
        self.knobs = knobs
        self.seen = Seen()
        self._rng = random.Random(seed)  # noqa: S311 -- faults on command, not a secret
        self.app = Starlette(
            routes=[
                *routes,
                Route("/_simulator", self.show, methods=["GET"]),
                Route("/_simulator", self.turn, methods=["POST"]),
            ]
        )

    def told(self) -> dict[str, Any]:
        """What is shown."""
        return {**self.seen.told(), "knobs": self.knobs.model_dump()}

    async def show(self, _: Request) -> JSONResponse:
        return JSONResponse(self.told())

    async def turn(self, request: Request) -> JSONResponse:
        changed: dict[str, Any] = await request.json()
        try:
            self.knobs = type(self.knobs).model_validate({**self.knobs.model_dump(), **changed})
        except ValueError as error:
            return JSONResponse({"wrong": str(error)}, 422)
        return JSONResponse(self.knobs.model_dump())

    def chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share


class Latent(Simulated[N]):
    """One whose knobs say how long it takes and how many it bears."""

    def latency_s(self) -> float:
        knobs = self.knobs
        if not knobs.latency_curve:
            return max(0.0, knobs.latency_s + self._rng.uniform(-1, 1) * knobs.jitter_s)
        drawn, (before, least_s) = self._rng.random(), (0.0, 0.0)
        for share, most_s in sorted(knobs.latency_curve):
            if drawn <= share and share > before:
                return least_s + (most_s - least_s) * (drawn - before) / (share - before)
            before, least_s = share, most_s
        return least_s

    def too_many(self) -> bool:
        return bool(self.knobs.per_s) and self.seen.in_last_second(now()) > self.knobs.per_s

    @contextmanager
    def under_way(self, call_id: str) -> Iterator[None]:
        """Counts a call while it lasts."""
        seen = self.seen
        seen.calls[call_id] += 1
        seen.at.append(now())
        seen.together += 1
        seen.most_together = max(seen.most_together, seen.together)
        try:
            yield
        finally:
            seen.together -= 1


class HttpRegister(Latent[N]):
    """Behaves by its knobs around what a register does. `base_path`: what the register's address ends in."""

    base_path = ""

    async def behave(self, call_id: str, act: Act, *, broken: Callable[[], Response]) -> Response:
        """`act` has the effect and makes the answer; `broken` is how this protocol says that something went wrong."""
        with self.under_way(call_id):
            return await self._behave(call_id, act, broken)

    async def _behave(self, call_id: str, act: Act, broken: Callable[[], Response]) -> Response:
        knobs = self.knobs
        if knobs.down:
            return Response("<html><body>maintenance</body></html>", 503, media_type="text/html")
        if knobs.not_let_in:
            return Response("<html><body>who are you</body></html>", 401, media_type="text/html")
        if self.too_many():
            return Response(status_code=429, headers={"Retry-After": "1"})
        await asyncio.sleep(self.latency_s())
        if call_id in knobs.fail_ids:
            return broken()
        if knobs.fail_next:
            knobs.fail_next -= 1
            return broken()
        if self.chance(knobs.error_share):
            return broken()
        if self.chance(knobs.html_share):
            return Response("<html><body>Please log in</body></html>", 200, media_type="text/html")
        answer = await act()
        if self.chance(knobs.apply_then_timeout_share):
            await asyncio.sleep(knobs.hang_s)
        if self.chance(knobs.cut_share):
            half = bytes(answer.body)[: len(answer.body) // 2]
            return Response(half, answer.status_code, media_type=answer.media_type)
        return answer


UUID_TEXT = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def call_id_in(headers: Iterable[bytes], query: bytes, body: bytes) -> str:
    """The caller's own id, wherever it stands: registers differ in that, ids do not look like anything else."""
    for text in (*headers, query, body):
        if found := UUID_TEXT.search(text.lower()):
            return found.group().decode()
    return ""


class ScenarioRegister(HttpRegister[Knobs]):
    """A register made of its bridge's scenarios, where nobody wrote one: each operation answers as in its first
    scenario that ends in `done`, whatever is asked. An order that comes again under its id has no second effect where
    the manifest says that the register knows it again."""

    def __init__(self, folder: BridgeFolder, *, knobs: Knobs | None = None, seed: int = 1) -> None:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        super().__init__([Route("/{path:path}", self.answer, methods=methods)], knobs=knobs or Knobs(), seed=seed)
        self._known: dict[str, Response] = {}
        self._replies = [
            (_way_of(folder, one), folder.manifest.operations[one.operation], one.reply.native())
            for one in folder.scenarios
            if one.reply and one.expect.verdict == "done"
        ]

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        call_id = call_id_in((value for _, value in request.headers.raw), request.url.query.encode(), body)

        async def act() -> Response:
            return self._act(request, call_id)

        return await self.behave(call_id, act, broken=lambda: Response(status_code=503))

    def _act(self, request: Request, call_id: str) -> Response:
        action = request.headers.get("soapaction", "")
        for way, operation, reply in self._replies:
            if (request.method, action) != (way.method, way.action) or not way.path.fullmatch(request.url.path):
                continue
            if operation.kind is Kind.LOOKUP:
                return _native(reply)
            if operation.effect is not Effect.KEY or call_id not in self._known:
                self.seen.effects[call_id] += 1
                self._known[call_id] = _native(reply)
            return self._known[call_id]
        return Response(status_code=404)


def now() -> float:
    """The loop's own time: real on a socket, and as fast as the checks want it in them."""
    return asyncio.get_running_loop().time()


def _native(reply: HttpReply) -> Response:
    return Response(reply.body, reply.status, {**reply.headers})


@dataclass(frozen=True)
class _Way:
    """How a call is known again. What of the path comes from the question may be anything."""

    method: str
    path: re.Pattern[str]
    action: str


def _way_of(folder: BridgeFolder, scenario: Scenario) -> _Way:
    operation = folder.manifest.operations[scenario.operation]
    question = folder.models[operation.question].model_validate(scenario.question)
    stamp = Stamp(UUID(int=1), "officer", operation.purposes[0])
    call = folder.adapter().encode(scenario.operation, question, stamp)
    path = re.escape(call.path or "/")
    for value in sorted(map(str, scenario.question.values()), key=len, reverse=True):
        for written in {re.escape(quote(value, safe="")), re.escape(value)}:
            path = path.replace(written, "[^/]+") if value else path
    return _Way(call.method, re.compile(path), call.headers.get("SOAPAction", ""))
