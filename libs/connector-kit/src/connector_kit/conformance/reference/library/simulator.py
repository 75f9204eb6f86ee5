"""A library on command: each order is done as often as it is told, but for those it knows by their key."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1) -> "Library":
    return Library(knobs=Knobs.model_validate(knobs), seed=seed)


class Library(HttpRegister[Knobs]):
    def __init__(self, *, knobs: Knobs, seed: int) -> None:
        routes = [
            Route("/search", self.search, methods=["POST"]),
            Route("/cards", self.make, methods=["POST"]),
            Route("/renewals", self.order, methods=["POST"]),
            Route("/renewals/{call_id}", self.probe, methods=["GET"]),
            Route("/fines", self.order, methods=["POST"]),
        ]
        super().__init__(routes, knobs=knobs, seed=seed)

    async def search(self, request: Request) -> Response:
        return await self._answer(request, count=False)

    async def make(self, request: Request) -> Response:
        known = request.headers.get("idempotency-key", "") in self.seen.effects
        return await self._answer(request, count=not known)

    async def order(self, request: Request) -> Response:
        return await self._answer(request, count=True)

    async def probe(self, request: Request) -> Response:
        call_id = request.path_params["call_id"]

        async def act() -> Response:
            return _card() if self.seen.effects[call_id] else Response(status_code=404)

        return await self.behave(call_id, act, broken=_broken)

    async def _answer(self, request: Request, *, count: bool) -> Response:
        call_id = request.headers.get("idempotency-key", "")

        async def act() -> Response:
            self.seen.effects[call_id] += count
            return _card()

        return await self.behave(call_id, act, broken=_broken)


def _card() -> Response:
    return JSONResponse({"number": "C-1", "holder": "Ana"})


def _broken() -> Response:
    return Response(status_code=503)
