"""Simulates the traffic office: REST on a real socket, with configurable throttling and lost answers.

Run it: wanderamt bridge simulate parking. Configure faults: POST /_simulator {"apply_then_timeout_share": 0.2}.
"""

from datetime import date, timedelta
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry_bridge.bridges.parking.models import FeeOrder, ParkingPermit, ParkingPermitOrder

MONTH = timedelta(days=30)


class ParkingSimulator(HttpSimulator[FaultConfig]):
    """Permits by plate. An order repeated under its idempotency key gets the first answer."""

    def __init__(self, *, faults: FaultConfig | None = None, seed: int = 1) -> None:
        super().__init__(
            [
                Route("/permits", self.find, methods=["GET"]),
                Route("/permits", self.grant, methods=["POST"]),
                Route("/fees", self.book, methods=["POST"]),
            ],
            faults=faults or FaultConfig(),
            seed=seed,
        )
        self.permits: dict[str, ParkingPermit] = {}
        self._done: dict[str, ParkingPermit] = {}

    async def find(self, request: Request) -> Response:
        async def act() -> Response:
            permit = self.permits.get(request.query_params.get("plate", ""))
            return JSONResponse(permit.model_dump(mode="json")) if permit else _problem(404, "no-permit")

        return await self.respond(request.headers.get("x-request", ""), act, make_error=_broken)

    async def grant(self, request: Request) -> Response:
        key, body = request.headers.get("idempotency-key", ""), await request.body()

        async def act() -> Response:
            if key not in self._done:
                try:
                    grant = ParkingPermitOrder.model_validate_json(body)
                except ValidationError:
                    return _problem(422, "not-a-grant")
                if grant.plate in self.permits:
                    return _problem(409, "has-permit")
                self.call_log.effects[key] += 1
                permit = ParkingPermit(
                    number=f"P-{len(self.permits) + 1:06}",
                    zone=grant.zone,
                    valid_until=_end(grant.valid_from, grant.months),
                )
                self.permits[grant.plate] = self._done[key] = permit
            return JSONResponse(self._done[key].model_dump(mode="json"), 201)

        return await self.respond(key, act, make_error=_broken)

    async def book(self, request: Request) -> Response:
        """Each call books a fee: this command cannot be looked up or repeated."""
        call_id, body = request.headers.get("x-request", ""), await request.body()

        async def act() -> Response:
            try:
                FeeOrder.model_validate_json(body)
            except ValidationError:
                return _problem(422, "not-a-fee")
            self.call_log.effects[call_id] += 1
            return JSONResponse({"receipt": f"R-{self.call_log.effects.total():06}"}, 201)

        return await self.respond(call_id, act, make_error=_broken)


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> ParkingSimulator:
    return ParkingSimulator(faults=FaultConfig.model_validate(faults), seed=seed)


def _end(begins: date, months: int) -> date:
    return begins + months * MONTH


def _broken() -> Response:
    return _problem(503, "try-later")


def _problem(status: int, code: str) -> Response:
    return JSONResponse({"type": code}, status, media_type="application/problem+json")
