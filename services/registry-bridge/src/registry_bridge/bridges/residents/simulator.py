"""Simulates the residents register: the same SOAP interface on a real socket, with configurable latency and faults.

Run it: wanderamt bridge simulate residents --set people=people.jsonl
Configure faults while it runs: POST /_simulator {"latency_s": 5, "fail_next": 3, "down": false}.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from lxml import etree
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry_bridge.bridges.residents.adapter import PVP, ROLE

NS = "urn:wanderamt:residents:1"
CONFIRMED = {"Status": "CONFIRMED", "Municipality": "Linz", "RegisteredSince": "2012-05-02"}
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


class ResidentsFaults(FaultConfig):
    """`knows_nobody`: every question is answered with "no data". `fault_with_200_share`: share of the faults sent with
    HTTP status 200. `portal_refuses`: the portal answers with its own fault."""

    latency_s: float = Field(1.0, ge=0)
    jitter_s: float = Field(0.5, ge=0)
    knows_nobody: bool = False
    fault_with_200_share: float = Field(0.0, ge=0, le=1)
    portal_refuses: bool = False


@dataclass(frozen=True)
class RegisteredPerson:
    """`locked`: the record is blocked; the answer is the same as for an unknown person."""

    family_name: str
    given_name: str
    birth_date: str
    locked: bool = False

    def matches(self, question: dict[str, str]) -> bool:
        """A question with only a year matches everybody born in that year."""
        born = self.birth_date[:4] if len(question["BirthDate"]) == 4 else self.birth_date
        return (self.family_name, self.given_name, born) == (
            question["FamilyName"],
            question["GivenName"],
            question["BirthDate"],
        )


def open_simulator(_: BridgeFolder, *, faults: dict[str, Any], seed: int = 1, people: str = "") -> "ResidentsSimulator":
    """`people`: a file with one JSON line per known person; without it, everybody is known."""
    return ResidentsSimulator(
        read_people(Path(people)) if people else None, ResidentsFaults.model_validate(faults), seed=seed
    )


class ResidentsSimulator(HttpSimulator[ResidentsFaults]):
    """`people`: the known persons; None: everybody is known, and unique."""

    base_path = "/soap"

    def __init__(self, people: Sequence[RegisteredPerson] | None, faults: ResidentsFaults, *, seed: int = 1) -> None:
        super().__init__([Route("/soap", self.soap, methods=["POST"])], faults=faults, seed=seed)
        self.people = people

    async def soap(self, request: Request) -> Response:
        try:
            envelope = etree.fromstring(await request.body(), PARSER)
        except etree.XMLSyntaxError:
            return _fault("Client", "not XML")
        if self.faults.portal_refuses:
            return _fault("s:Server", "Policy Falsified", policy=True)
        if envelope.find(f".//{{{PVP}}}role[@value='{ROLE}']") is None:
            return _fault("F490", "no rights in the portal")
        question = {
            child.tag.split("}")[1]: child.text or "" for child in envelope.iterfind(f".//{{{NS}}}ConfirmResidence/*")
        }

        async def act() -> Response:
            return self._find(question)

        return await self.respond(
            question.get("RequestId", ""), act, make_error=lambda: self._fault("F501", "try again later")
        )

    def _find(self, question: dict[str, str]) -> Response:
        if self.faults.knows_nobody:
            return _answer({"Status": "NO_DATA"})
        matching = [person for person in self.people if person.matches(question)] if self.people is not None else [None]
        if len(matching) > 1:
            return self._fault("F231", f"{len(matching)} persons match {question['FamilyName']}")
        if not matching or (matching[0] and matching[0].locked):
            return _answer({"Status": "NO_DATA"})
        name = f"{question['FamilyName']} {question['GivenName']}"
        return _answer(CONFIRMED | {"RecordNumber": f"{zlib.crc32(name.encode()):012}"})

    def _fault(self, code: str, text: str) -> Response:
        return _fault(code, text, status=200 if self.chance(self.faults.fault_with_200_share) else 500)


def read_people(path: Path) -> list[RegisteredPerson]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    names = {field.name for field in fields(RegisteredPerson)}
    return [RegisteredPerson(**{name: value for name, value in record.items() if name in names}) for record in records]


def _answer(parts: dict[str, str]) -> Response:
    envelope, body = _envelope()
    answer = etree.SubElement(body, f"{{{NS}}}ConfirmResidenceResponse")
    for name, text in parts.items():
        etree.SubElement(answer, f"{{{NS}}}{name}").text = text
    return Response(etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), media_type="text/xml")


def _fault(code: str, text: str, *, status: int = 500, policy: bool = False) -> Response:
    envelope, body = _envelope()
    fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    if policy:
        detail = etree.SubElement(fault, "detail")
        etree.SubElement(detail, "{http://www.layer7tech.com/ws/policy/fault}policyResult", status="Error")
    content = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Response(content, status, media_type="text/xml")


def _envelope() -> tuple[Any, Any]:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    return envelope, etree.SubElement(envelope, f"{{{SOAP}}}Body")
