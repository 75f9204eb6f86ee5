"""Simulates the residents register: the same SOAP interface on a real socket, with configurable latency and faults.

Run it: wanderamt bridge simulate residents --set people=people.jsonl
Configure faults while it runs: POST /_simulator {"latency_s": 5, "fail_next": 3, "down": false}; look at its people and
residences: GET /_simulator/rows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator, Rows
from lxml import etree
from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry_bridge.bridges.residents import models
from registry_bridge.bridges.residents.adapter import PVP, ROLE
from registry_bridge.bridges.residents.envelopes import NS, answer_envelope, fault_envelope, fields_of
from registry_bridge.bridges.residents.population import NoDataError, Population, PopulationFaultError, ResidentRow
from registry_bridge.bridges.seeded_people import RegisteredPerson, read_people

PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
Fields = dict[str, Any]


class ResidentsFaults(FaultConfig):
    """`knows_nobody`: every question is answered with "no data". `fault_with_200_share`: share of the faults sent with
    HTTP status 200. `portal_refuses`: the portal answers with its own fault."""

    latency_s: float = Field(1.0, ge=0)
    jitter_s: float = Field(0.5, ge=0)
    knows_nobody: bool = False
    fault_with_200_share: float = Field(0.0, ge=0, le=1)
    portal_refuses: bool = False


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1, people: str = "") -> "ResidentsSimulator":
    """`people`: a file with one JSON line per known person; without it, everybody is known."""
    return ResidentsSimulator(read_people(people), ResidentsFaults.model_validate(faults), seed=seed)


class ResidentsSimulator(HttpSimulator[ResidentsFaults]):
    """`people`: the known persons; None: everybody is known, and unique."""

    base_path = "/soap"

    def __init__(self, people: Sequence[RegisteredPerson] | None, faults: ResidentsFaults, *, seed: int = 1) -> None:
        super().__init__([Route("/soap", self.soap, methods=["POST"])], faults=faults, seed=seed)
        self.population = Population.of(people)
        self._lookups: dict[str, Callable[[Fields], Fields]] = {
            "ConfirmResidence": self._confirm,
            "FindPerson": self._find_person,
            "FindHousehold": self._find_household,
        }
        self._orders: dict[str, Callable[[Fields, str], Fields]] = {
            "RegisterResidence": lambda fields, request_id: self.population.register(
                models.ResidenceRegistration.model_validate(fields), request_id
            ),
            "CancelRegistration": lambda fields, _: self._cancel(fields, "registration"),
            "DeregisterResidence": lambda fields, request_id: self.population.deregister(
                models.ResidenceDeregistration.model_validate(fields), request_id
            ),
            "CancelDeregistration": lambda fields, _: self._cancel(fields, "deregistration"),
            "CorrectPerson": lambda fields, request_id: self.population.correct(
                models.PersonCorrection.model_validate(fields), request_id
            ),
            "CancelCorrection": lambda fields, _: self._cancel(fields, "correction"),
        }

    def rows(self) -> Rows:
        return self.population.rows()

    def prepare_example(self, operation: str, question: dict[str, Any]) -> None:
        if operation.startswith("cancel_"):
            kind = operation.removeprefix("cancel_")
            self.population.add_order(question[f"{kind}_number"], kind)
        if operation == "correct_person":
            self.population.add_record(question["record_number"])
        if operation == "deregister_residence":
            order = models.ResidenceDeregistration.model_validate(question)
            for person in order.people:
                self.population.add_resident(person, order.address)

    async def soap(self, request: Request) -> Response:
        try:
            envelope = etree.fromstring(await request.body(), PARSER)
        except etree.XMLSyntaxError:
            return fault_envelope("Client", "not XML")
        if self.faults.portal_refuses:
            return fault_envelope("s:Server", "Policy Falsified", policy=True)
        if envelope.find(f".//{{{PVP}}}role[@value='{ROLE}']") is None:
            return fault_envelope("F490", "no rights in the portal")
        message = envelope.find(f".//{{*}}Body/{{{NS}}}*")
        action = etree.QName(message).localname if message is not None else ""
        fields = fields_of(message) if message is not None else {}
        call_id = str(fields.get("request_id", ""))

        async def act() -> Response:
            return self._answer(action, fields, call_id)

        return await self.respond(call_id, act, make_error=lambda: self._fault("F501", "try again later"))

    def _answer(self, action: str, fields: Fields, call_id: str) -> Response:
        try:
            if lookup := self._lookups.get(action):
                if self.faults.knows_nobody:
                    raise NoDataError
                return answer_envelope(action, {"status": "CONFIRMED", **lookup(fields)})
            order = self._orders[action]
            receipt = self.execute_once(call_id, lambda: order(fields, call_id))
            return answer_envelope(action, {"status": "DONE", **receipt})
        except NoDataError:
            return answer_envelope(action, {"status": "NO_DATA"})
        except PopulationFaultError as fault:
            return self._fault(str(fault), "refused")
        except (KeyError, ValidationError):
            return self._fault("F411", "not understood")

    def _confirm(self, fields: Fields) -> Fields:
        row = self.population.find(fields["family_name"], fields.get("given_name", ""), fields["birth"])
        return self._entry(row) | {"kind": self.population.residence_of(row).kind}

    def _find_person(self, fields: Fields) -> Fields:
        search = models.PersonSearch.model_validate(fields)
        if not search.birth and not search.former_municipality:
            raise PopulationFaultError("F430")
        row = self.population.find(
            search.family_name, search.given_name, search.birth or "", former=search.former_municipality
        )
        entry = self._entry(row)
        del entry["registered_since"]
        return entry

    def _find_household(self, fields: Fields) -> Fields:
        question = models.HouseholdQuery.model_validate(fields)
        row = self.population.find(question.family_name, question.given_name, question.birth)
        home, members = self.population.household_of(row)
        entries = [
            {
                "family_name": member.family_name,
                "given_name": member.given_name,
                "birth": member.birth,
                "kind": residence.kind,
                "registered_since": residence.since,
            }
            for member, residence in members
        ]
        return {"address": home.address, "members": entries}

    def _entry(self, row: ResidentRow) -> Fields:
        residence = self.population.residence_of(row)
        return {
            "municipality": residence.address["municipality"],
            "registered_since": residence.since,
            "record_number": row.record_number,
            "address": residence.address,
        }

    def _cancel(self, fields: Fields, kind: str) -> Fields:
        order = self.population.cancel(fields[f"{kind}_number"], kind)
        record = {"record_number": order.record_number} if kind == "correction" else {}
        return record | {f"{kind}_number": order.number}

    def _fault(self, code: str, text: str) -> Response:
        return fault_envelope(code, text, status=200 if self.chance(self.faults.fault_with_200_share) else 500)
