"""Simulates the traffic office: REST on a real socket, with configurable throttling and lost answers.

Run it: wanderamt bridge simulate parking. Configure faults: POST /_simulator {"apply_then_timeout_share": 0.2}; look at
its permits: GET /_simulator/rows.
"""

from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.json_simulator import JsonSimulator
from connector_kit.testing.simulator import FaultConfig, Rows
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry_bridge.bridges.parking.models import FeeOrder, ParkingPermitOrder, PermitNumber, VehicleQuery, ZoneQuery
from registry_bridge.bridges.parking.permit_book import PermitBook


class ParkingSimulator(JsonSimulator[FaultConfig]):
    """An order repeated under its idempotency key gets the first answer; a fee has no such key."""

    def __init__(self, *, faults: FaultConfig | None = None, seed: int = 1) -> None:
        super().__init__(
            [
                Route("/zones/search", self.find_zone, methods=["POST"]),
                Route("/permits", self.find, methods=["GET"]),
                Route("/permits/search", self.find, methods=["POST"]),
                Route("/permits", self.grant, methods=["POST"]),
                Route("/revocations", self.revoke, methods=["POST"]),
                Route("/fees", self.book, methods=["POST"]),
            ],
            faults=faults or FaultConfig(),
            seed=seed,
        )
        self.book_of_permits = PermitBook()

    def rows(self) -> Rows:
        return self.book_of_permits.rows()

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        if operation == "revoke_permit":
            self.book_of_permits.add_example(question["number"])

    async def find_zone(self, request: Request) -> Response:
        return await self.look_up(
            request, lambda fields: self.book_of_permits.find_zone(ZoneQuery.model_validate(fields))
        )

    async def find(self, request: Request) -> Response:
        return await self.look_up(
            request, lambda fields: self.book_of_permits.find(VehicleQuery.model_validate(fields))
        )

    async def grant(self, request: Request) -> Response:
        return await self.order(
            request, lambda fields: self.book_of_permits.grant(ParkingPermitOrder.model_validate(fields))
        )

    async def revoke(self, request: Request) -> Response:
        return await self.order(
            request, lambda fields: self.book_of_permits.revoke(PermitNumber.model_validate(fields).number)
        )

    async def book(self, request: Request) -> Response:
        """Each call books a fee: this command cannot be looked up or repeated."""

        def execute(fields: dict[str, Any]) -> dict[str, Any]:
            fee = FeeOrder.model_validate(fields)
            self.call_log.effects[request.headers.get("x-request-id", "")] += 1
            return self.book_of_permits.book(fee.plate, fee.cents)

        return await self.look_up(request, execute)


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1) -> ParkingSimulator:
    return ParkingSimulator(faults=FaultConfig.model_validate(faults), seed=seed)
