"""A residents register to test against: the same SOAP on a real socket, slow, and wrong on command.

Run it: python -m registry_bridge.bridges.residents.simulator --port 9001 --people people.jsonl
Turn its knobs while it runs: POST /_simulator {"latency_s": 5, "fail_next": 3, "down": false}.
"""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from lxml import etree
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry_bridge.bridges.residents.adapter import PVP, ROLE

NS = "urn:wanderamt:residents:1"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


class Knobs(BaseModel):
    """`latency_s` ± `jitter_s` before each answer; the next `fail_next` calls end in fault F501; `down`: HTTP 503.

    `knows_nobody`: the answer to every question is that there are no data.
    """

    latency_s: float = Field(1.0, ge=0)
    jitter_s: float = Field(0.5, ge=0)
    fail_next: int = Field(0, ge=0)
    down: bool = False
    knows_nobody: bool = False


class Simulator:
    """`people`: (family name, given name, birth date) of those it knows; None: it knows everybody."""

    def __init__(self, people: frozenset[tuple[str, str, str]] | None, knobs: Knobs, *, seed: int = 1) -> None:
        self.people = people
        self.knobs = knobs
        self.calls: Counter[str] = Counter()
        self._rng = random.Random(seed)  # noqa: S311 -- jitter, not a secret
        self.app = Starlette(
            routes=[
                Route("/soap", self.soap, methods=["POST"]),
                Route("/_simulator", self.show, methods=["GET"]),
                Route("/_simulator", self.turn, methods=["POST"]),
            ]
        )

    async def soap(self, request: Request) -> Response:
        if self.knobs.down:
            return Response("maintenance", 503)
        try:
            envelope = etree.fromstring(await request.body(), PARSER)
        except etree.XMLSyntaxError:
            return _fault("Client", "not XML")
        if envelope.find(f".//{{{PVP}}}role[@value='{ROLE}']") is None:
            return _fault("F490", "no rights in the portal")
        asked = {
            child.tag.split("}")[1]: child.text or "" for child in envelope.iterfind(f".//{{{NS}}}ConfirmResidence/*")
        }
        self.calls[asked.get("RequestId", "")] += 1
        await asyncio.sleep(max(0.0, self.knobs.latency_s + self._rng.uniform(-1, 1) * self.knobs.jitter_s))
        if self.knobs.fail_next:
            self.knobs.fail_next -= 1
            return _fault("F501", "try again later")
        known = not self.knobs.knows_nobody and (self.people is None or self._knows(asked))
        return _answer(
            {"Status": "CONFIRMED", "Municipality": "Linz", "RegisteredSince": "2012-05-02"}
            if known
            else {"Status": "NO_DATA"}
        )

    def _knows(self, asked: dict[str, str]) -> bool:
        """A year alone fits whoever was born in it."""
        name, born = (asked["FamilyName"], asked["GivenName"]), asked["BirthDate"]
        people = self.people or ()
        if len(born) == 4:
            return any((family, given) == name and birth[:4] == born for family, given, birth in people)
        return (*name, born) in people

    async def show(self, _: Request) -> Response:
        return JSONResponse(
            {"calls": self.calls.total(), "requests": len(self.calls), "knobs": self.knobs.model_dump()}
        )

    async def turn(self, request: Request) -> Response:
        changed: dict[str, Any] = await request.json()
        self.knobs = Knobs.model_validate({**self.knobs.model_dump(), **changed})
        return JSONResponse(self.knobs.model_dump())


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


def main(
    port: Annotated[int, typer.Option(help="Port to listen on.")],
    people: Annotated[Path | None, typer.Option(help="JSON lines of the people it knows; without: everybody.")] = None,
    latency_s: Annotated[float, typer.Option(help="Mean seconds before an answer.")] = 1.0,
    jitter_s: Annotated[float, typer.Option(help="Seconds more or less.")] = 0.5,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """A residents register: SOAP at /soap, knobs at /_simulator."""
    simulator = Simulator(read_people(people) if people else None, Knobs(latency_s=latency_s, jitter_s=jitter_s))
    uvicorn.run(simulator.app, host=host, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    typer.run(main)
