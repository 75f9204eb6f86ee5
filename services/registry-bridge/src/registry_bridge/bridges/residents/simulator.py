"""A residents register to test against: the same SOAP on a real socket, slow, and wrong on command.

Run it: wanderamt bridge sim residents --set people=people.jsonl
Turn its knobs while it runs: POST /_simulator {"latency_s": 5, "fail_next": 3, "down": false}.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs
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


class ResidentsKnobs(Knobs):
    """`knows_nobody`: the answer to every question is that there are no data. `fault_with_200_share`: faults that come
    as HTTP 200. `portal_refuses`: the portal's own fault, in the place of the register's."""

    latency_s: float = Field(1.0, ge=0)
    jitter_s: float = Field(0.5, ge=0)
    knows_nobody: bool = False
    fault_with_200_share: float = Field(0.0, ge=0, le=1)
    portal_refuses: bool = False


@dataclass(frozen=True)
class Known:
    """`locked`: answered exactly like somebody it does not know."""

    family_name: str
    given_name: str
    birth_date: str
    locked: bool = False

    def fits(self, asked: dict[str, str]) -> bool:
        """A year alone fits whoever was born in it."""
        born = self.birth_date[:4] if len(asked["BirthDate"]) == 4 else self.birth_date
        return (self.family_name, self.given_name, born) == (
            asked["FamilyName"],
            asked["GivenName"],
            asked["BirthDate"],
        )


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1, people: str = "") -> "Simulator":
    """`people`: a file of JSON lines of those it knows; without: it knows everybody."""
    return Simulator(read_people(Path(people)) if people else None, ResidentsKnobs.model_validate(knobs), seed=seed)


class Simulator(HttpRegister[ResidentsKnobs]):
    """`people`: those it knows; None: it knows everybody, once."""

    base_path = "/soap"

    def __init__(self, people: Sequence[Known] | None, knobs: ResidentsKnobs, *, seed: int = 1) -> None:
        super().__init__([Route("/soap", self.soap, methods=["POST"])], knobs=knobs, seed=seed)
        self.people = people

    async def soap(self, request: Request) -> Response:
        try:
            envelope = etree.fromstring(await request.body(), PARSER)
        except etree.XMLSyntaxError:
            return _fault("Client", "not XML")
        if self.knobs.portal_refuses:
            return _fault("s:Server", "Policy Falsified", policy=True)
        if envelope.find(f".//{{{PVP}}}role[@value='{ROLE}']") is None:
            return _fault("F490", "no rights in the portal")
        asked = {
            child.tag.split("}")[1]: child.text or "" for child in envelope.iterfind(f".//{{{NS}}}ConfirmResidence/*")
        }

        async def act() -> Response:
            return self._find(asked)

        return await self.behave(asked.get("RequestId", ""), act, broken=lambda: self._fault("F501", "try again later"))

    def _find(self, asked: dict[str, str]) -> Response:
        if self.knobs.knows_nobody:
            return _answer({"Status": "NO_DATA"})
        fitting = [one for one in self.people if one.fits(asked)] if self.people is not None else [None]
        if len(fitting) > 1:
            return self._fault("F231", f"{len(fitting)} persons fit {asked['FamilyName']}")
        if not fitting or (fitting[0] and fitting[0].locked):
            return _answer({"Status": "NO_DATA"})
        person = f"{asked['FamilyName']} {asked['GivenName']}"
        return _answer(CONFIRMED | {"RecordNumber": f"{zlib.crc32(person.encode()):012}"})

    def _fault(self, code: str, text: str) -> Response:
        return _fault(code, text, status=200 if self.chance(self.knobs.fault_with_200_share) else 500)


def read_people(path: Path) -> list[Known]:
    people = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    names = {one.name for one in fields(Known)}
    return [Known(**{name: value for name, value in one.items() if name in names}) for one in people]


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
    text_of_it = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Response(text_of_it, status, media_type="text/xml")


def _envelope() -> tuple[Any, Any]:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    return envelope, etree.SubElement(envelope, f"{{{SOAP}}}Body")
