"""A traffic office to test against: REST on a real socket, throttled and forgetful on command.

Run it: wanderamt bridge sim parking. Its knobs: POST /_simulator {"apply_then_timeout_share": 0.2, "per_s": 10}.
"""

from datetime import date, timedelta
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry_bridge.bridges.parking.models import Fee, Grant, Permit

MONTH = timedelta(days=30)


class Simulator(HttpRegister[Knobs]):
    """Permits by plate; orders it has done by their key, so that a second one gets the first answer."""

    def __init__(self, *, knobs: Knobs | None = None, seed: int = 1) -> None:
        super().__init__(
            [
                Route("/permits", self.find, methods=["GET"]),
                Route("/permits", self.grant, methods=["POST"]),
                Route("/fees", self.book, methods=["POST"]),
            ],
            knobs=knobs or Knobs(),
            seed=seed,
        )
        self.permits: dict[str, Permit] = {}
        self._done: dict[str, Permit] = {}

    async def find(self, request: Request) -> Response:
        async def act() -> Response:
            permit = self.permits.get(request.query_params.get("plate", ""))
            return JSONResponse(permit.model_dump(mode="json")) if permit else _problem(404, "no-permit")

        return await self.behave(request.headers.get("x-request", ""), act, broken=_broken)

    async def grant(self, request: Request) -> Response:
        key, body = request.headers.get("idempotency-key", ""), await request.body()

        async def act() -> Response:
            if key not in self._done:
                try:
                    grant = Grant.model_validate_json(body)
                except ValidationError:
                    return _problem(422, "not-a-grant")
                if grant.plate in self.permits:
                    return _problem(409, "has-permit")
                self.seen.effects[key] += 1
                permit = Permit(
                    number=f"P-{len(self.permits) + 1:06}",
                    zone=grant.zone,
                    valid_until=_end(grant.valid_from, grant.months),
                )
                self.permits[grant.plate] = self._done[key] = permit
            return JSONResponse(self._done[key].model_dump(mode="json"), 201)

        return await self.behave(key, act, broken=_broken)

    async def book(self, request: Request) -> Response:
        """Each call is a booking: this is the order that nobody can look up or repeat."""
        call_id, body = request.headers.get("x-request", ""), await request.body()

        async def act() -> Response:
            try:
                Fee.model_validate_json(body)
            except ValidationError:
                return _problem(422, "not-a-fee")
            self.seen.effects[call_id] += 1
            return JSONResponse({"receipt": f"R-{self.seen.effects.total():06}"}, 201)

        return await self.behave(call_id, act, broken=_broken)


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1) -> Simulator:
    return Simulator(knobs=Knobs.model_validate(knobs), seed=seed)


def _end(begins: date, months: int) -> date:
    return begins + months * MONTH


def _broken() -> Response:
    return _problem(503, "try-later")


def _problem(status: int, code: str) -> Response:
    return JSONResponse({"type": code}, status, media_type="application/problem+json")
