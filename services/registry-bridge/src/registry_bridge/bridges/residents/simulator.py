"""A residents register to test against: the same SOAP on a real socket, slow, and wrong on command.

Run it: wanderamt bridge sim residents --set people=people.jsonl
Turn its knobs while it runs: POST /_simulator {"latency_s": 5, "fail_next": 3, "down": false}.
"""

import json
from pathlib import Path
from typing import Any

from bridge_kit.folder import BridgeFolder
from bridge_kit.simulator import HttpRegister, Knobs
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
    """`knows_nobody`: the answer to every question is that there are no data."""

    latency_s: float = Field(1.0, ge=0)
    jitter_s: float = Field(0.5, ge=0)
    knows_nobody: bool = False


def open_simulator(_: BridgeFolder, *, knobs: dict[str, Any], seed: int = 1, people: str = "") -> "Simulator":
    """`people`: a file of JSON lines of those it knows; without: it knows everybody."""
    return Simulator(read_people(Path(people)) if people else None, ResidentsKnobs.model_validate(knobs), seed=seed)


class Simulator(HttpRegister[ResidentsKnobs]):
    """`people`: (family name, given name, birth date) of those it knows; None: it knows everybody."""

    base_path = "/soap"

    def __init__(self, people: frozenset[tuple[str, str, str]] | None, knobs: ResidentsKnobs, *, seed: int = 1) -> None:
        super().__init__([Route("/soap", self.soap, methods=["POST"])], knobs=knobs, seed=seed)
        self.people = people

    async def soap(self, request: Request) -> Response:
        try:
            envelope = etree.fromstring(await request.body(), PARSER)
        except etree.XMLSyntaxError:
            return _fault("Client", "not XML")
        if envelope.find(f".//{{{PVP}}}role[@value='{ROLE}']") is None:
            return _fault("F490", "no rights in the portal")
        asked = {
            child.tag.split("}")[1]: child.text or "" for child in envelope.iterfind(f".//{{{NS}}}ConfirmResidence/*")
        }

        async def act() -> Response:
            return _answer(CONFIRMED if self._knows(asked) else {"Status": "NO_DATA"})

        return await self.behave(asked.get("RequestId", ""), act, broken=lambda: _fault("F501", "try again later"))

    def _knows(self, asked: dict[str, str]) -> bool:
        """A year alone fits whoever was born in it."""
        if self.people is None or self.knobs.knows_nobody:
            return not self.knobs.knows_nobody
        name, born = (asked["FamilyName"], asked["GivenName"]), asked["BirthDate"]
        if len(born) == 4:
            return any((family, given) == name and birth[:4] == born for family, given, birth in self.people)
        return (*name, born) in self.people


def read_people(path: Path) -> frozenset[tuple[str, str, str]]:
    people = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return frozenset((one["family_name"], one["given_name"], one["birth_date"]) for one in people)


def _answer(fields: dict[str, str]) -> Response:
    envelope, body = _envelope()
    answer = etree.SubElement(body, f"{{{NS}}}ConfirmResidenceResponse")
    for name, text in fields.items():
        etree.SubElement(answer, f"{{{NS}}}{name}").text = text
    return Response(etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), media_type="text/xml")


def _fault(code: str, text: str) -> Response:
    envelope, body = _envelope()
    fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    return Response(etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), 500, media_type="text/xml")


def _envelope() -> tuple[Any, Any]:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    return envelope, etree.SubElement(envelope, f"{{{SOAP}}}Body")
