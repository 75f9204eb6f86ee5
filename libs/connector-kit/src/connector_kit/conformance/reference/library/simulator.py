"""A simulated library: executes each order as often as it arrives, except orders with a known key."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> "Library":
    return Library(faults=FaultConfig.model_validate(faults), seed=seed)


class Library(HttpSimulator[FaultConfig]):
    def __init__(self, *, faults: FaultConfig, seed: int) -> None:
        routes = [
            Route("/search", self.search, methods=["POST"]),
            Route("/cards", self.make, methods=["POST"]),
            Route("/renewals", self.order, methods=["POST"]),
            Route("/renewals/{call_id}", self.find_order, methods=["GET"]),
            Route("/fines", self.order, methods=["POST"]),
        ]
        super().__init__(routes, faults=faults, seed=seed)

    async def search(self, request: Request) -> Response:
        return await self._answer(request, count=False)

    async def make(self, request: Request) -> Response:
        known = request.headers.get("idempotency-key", "") in self.call_log.effects
        return await self._answer(request, count=not known)

    async def order(self, request: Request) -> Response:
        return await self._answer(request, count=True)

    async def find_order(self, request: Request) -> Response:
        call_id = request.path_params["call_id"]

        async def act() -> Response:
            return _card() if self.call_log.effects[call_id] else Response(status_code=404)

        return await self.respond(call_id, act, make_error=_broken)

    async def _answer(self, request: Request, *, count: bool) -> Response:
        call_id = request.headers.get("idempotency-key", "")

        async def act() -> Response:
            self.call_log.effects[call_id] += count
            return _card()

        return await self.respond(call_id, act, make_error=_broken)


def _card() -> Response:
    return JSONResponse({"number": "C-1", "holder": "Ana"})


def _broken() -> Response:
    return Response(status_code=503)
