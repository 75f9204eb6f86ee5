"""Simulates the social office: it compares seeded incomes with a threshold and keeps passes, but no question.

Run it: wanderamt bridge simulate social --set people=people.jsonl --set threshold_cents=142400. Look at its passes:
GET /_simulator/rows.
"""

from collections.abc import Sequence
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.json_simulator import JsonSimulator, OrderRefusedError
from connector_kit.testing.simulator import FaultConfig, Rows
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry_bridge.bridges.seeded_people import RegisteredPerson, only_match, read_people
from registry_bridge.bridges.shared_models import RegisterPerson
from registry_bridge.bridges.social.models import PassNumber, PassOrder, ThresholdQuery


class SocialFaults(FaultConfig):
    """`threshold_cents`: net income per month, from which on there is no pass."""

    threshold_cents: int = Field(142_400, ge=0)


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1, people: str = "") -> "SocialSimulator":
    """Whoever is in no file, or without an income there, has none."""
    return SocialSimulator(read_people(people), SocialFaults.model_validate(faults), seed=seed)


class SocialSimulator(JsonSimulator[SocialFaults]):
    """`people`: None: everybody is known, and has no income."""

    def __init__(self, people: Sequence[RegisteredPerson] | None, faults: SocialFaults, *, seed: int = 1) -> None:
        super().__init__(
            [
                Route("/threshold", self.compare, methods=["POST"]),
                Route("/passes", self.issue, methods=["POST"]),
                Route("/withdrawals", self.withdraw, methods=["POST"]),
            ],
            faults=faults,
            seed=seed,
        )
        self.people = people
        self.passes: list[dict[str, Any]] = []

    def rows(self) -> Rows:
        return {"passes": self.passes}

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        if operation == "withdraw_pass" and not self._passes_with(question["number"]):
            self.passes.append({"number": question["number"], "family_name": question["number"], "withdrawn": False})

    async def compare(self, request: Request) -> Response:
        return await self.look_up(request, lambda fields: {"below": self._below(ThresholdQuery.model_validate(fields))})

    async def issue(self, request: Request) -> Response:
        return await self.order(request, lambda fields: self._issue(PassOrder.model_validate(fields)))

    async def withdraw(self, request: Request) -> Response:
        return await self.order(request, lambda fields: self._withdraw(PassNumber.model_validate(fields).number))

    def _below(self, question: RegisterPerson) -> bool:
        person = only_match(
            self.people, family_name=question.family_name, given_name=question.given_name, birth=question.birth
        )
        if not person:
            raise OrderRefusedError("unknown", 404)
        return person.income_cents < self.faults.threshold_cents

    def _issue(self, order: PassOrder) -> dict[str, Any]:
        if not self._below(order):
            raise OrderRefusedError("above-threshold")
        person = {"family_name": order.family_name, "given_name": order.given_name, "birth": order.birth}
        wanted = person | {"withdrawn": False}
        if any(all(entry.get(name) == value for name, value in wanted.items()) for entry in self.passes):
            raise OrderRefusedError("has-pass")
        number, valid_until = f"AP-{len(self.passes) + 1:06}", order.valid_until.isoformat()
        self.passes.append({"number": number, **person, "valid_until": valid_until, "withdrawn": False})
        return {"number": number, "valid_until": valid_until}

    def _withdraw(self, number: str) -> dict[str, Any]:
        for entry in self._passes_with(number):
            entry["withdrawn"] = True
            return {"number": number}
        raise OrderRefusedError("no-pass", 404)

    def _passes_with(self, number: str) -> list[dict[str, Any]]:
        return [entry for entry in self.passes if entry["number"] == number]
