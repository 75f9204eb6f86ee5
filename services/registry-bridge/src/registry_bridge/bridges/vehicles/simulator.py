"""Simulates the register of vehicles: it knows the vehicles of the seeded people, and no other plate.

Run it: wanderamt bridge simulate vehicles --set people=people.jsonl. Look at its vehicles: GET /_simulator/rows.
"""

from collections.abc import Sequence
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.json_simulator import JsonSimulator
from connector_kit.testing.simulator import FaultConfig, Rows
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry_bridge.bridges.seeded_people import RegisteredPerson, read_people
from registry_bridge.bridges.vehicles.models import PlateQuery


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1, people: str = "") -> "VehiclesSimulator":
    return VehiclesSimulator(read_people(people) or (), FaultConfig.model_validate(faults), seed=seed)


class VehiclesSimulator(JsonSimulator[FaultConfig]):
    """Answers with a list: two vehicles with one plate are two hits."""

    def __init__(self, people: Sequence[RegisteredPerson], faults: FaultConfig, *, seed: int = 1) -> None:
        super().__init__([Route("/vehicles/search", self.search, methods=["POST"])], faults=faults, seed=seed)
        self.vehicles = [
            vehicle.model_dump(mode="json")
            | {
                "keeper": {
                    "family_name": person.family_name,
                    "given_name": person.given_name,
                    "birth": person.birth,
                }
            }
            for person in people
            for vehicle in person.vehicles
        ]

    def rows(self) -> Rows:
        return {"vehicles": self.vehicles}

    async def search(self, request: Request) -> Response:
        def answer(fields: dict[str, Any]) -> dict[str, Any]:
            question = PlateQuery.model_validate(fields)
            wanted = (question.country, _characters(question.plate))
            return {
                "vehicles": [
                    {name: value for name, value in vehicle.items() if name != "country"}
                    for vehicle in self.vehicles
                    if (vehicle["country"], _characters(vehicle["plate"])) == wanted
                ]
            }

        return await self.look_up(request, answer)


def _characters(plate: str) -> str:
    return "".join(char for char in plate if char.isalnum())
