"""The fuzz sends the same requests for the same seed, and reports each answer that must not come back."""

import asyncio
import json
from collections import Counter
from random import Random

import pytest
from wanderamt_fuzz.bodies import encode, hostile_body
from wanderamt_fuzz.hostile_values import RawJson
from wanderamt_fuzz.http_client import NO_ANSWER, HostileRequest, HttpAnswer, RawClient
from wanderamt_fuzz.known_things import Caller, KnownThings
from wanderamt_fuzz.requests import hostile_request
from wanderamt_fuzz.routes import ANYWHERE, Parameter, Route, routes_of
from wanderamt_fuzz.run import fault_of
from wanderamt_local.system import SERVICES

STAND = "0197c1c0-5f3e-7a10-8000-000000000001"
ROUTE = Route(
    "scheduling",
    "POST",
    "/stands/{stand_id}/move",
    (Parameter("stand_id", "path", "uuid", STAND),),
    {"application/json": {"starts_at": "2026-05-04T09:30:00+02:00", "desks": 1}},
)
PLAIN = HostileRequest(b"GET", b"/")
PROBLEM = {"content-type": "application/problem+json"}


def test_the_same_seed_sends_the_same_requests() -> None:
    sent = [[hostile_request(ROUTE, Caller("a"), KnownThings(), seed=7, number=n) for n in range(300)] for _ in "ab"]
    assert sent[0] == sent[1]
    assert sent[0] != [hostile_request(ROUTE, Caller("a"), KnownThings(), seed=8, number=n) for n in range(300)]


def test_requests_reach_the_route_and_bring_dates_and_numbers_from_the_edge() -> None:
    requests = [hostile_request(ROUTE, Caller("a"), KnownThings(), seed=1, number=n) for n in range(2_000)]
    targets = Counter(request.target for request in requests)
    assert targets[f"/stands/{STAND}/move".encode()] > 600
    bodies = b"".join(request.body for request in requests)
    for part in (b"0001-01-01T", b"9999-12-31T", b"NaN", b"1e400", b"\\u0000", b"\\ud800", b"9" * 20, b"[" * 900):
        assert part in bodies


def test_a_raw_value_stands_in_a_document_as_it_is() -> None:
    assert encode({"a": [RawJson(b"1e400"), None, "ä"]}) in {
        b'{"a":[1e400,null,"\xc3\xa4"]}',
        b'{"a":[1e400,null,"\\u00e4"]}',
    }
    bodies = [hostile_body({"application/json": {"a": 1}}, KnownThings(), Random(n)).content for n in range(200)]
    assert sum(body == json.dumps({"a": 1}, separators=(",", ":")).encode() for body in bodies) > 5


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_fuzzed_and_addresses_without_a_route(service: str) -> None:
    routes = routes_of(service)
    assert len({route.title for route in routes}) == len(routes)
    assert {"/health/ready", "/docs", ANYWHERE} <= {route.path for route in routes}


@pytest.mark.parametrize(
    ("route", "answer", "fault"),
    [
        (ROUTE, HttpAnswer(500, PROBLEM), "server error"),
        (ROUTE, HttpAnswer(503, PROBLEM), "server error"),
        (ROUTE, HttpAnswer(NO_ANSWER), "no answer"),
        (ROUTE, HttpAnswer(307, {"location": "http://127.0.0.1/stands"}), "redirect to http://127.0.0.1/stands"),
        (ROUTE, HttpAnswer(308, {"location": "./field/"}), ""),
        (ROUTE, HttpAnswer(404, {"content-type": "text/plain"}), "no problem document"),
        (ROUTE, HttpAnswer(404, {"content-type": "text/html"}), ""),
        (Route("intake", "GET", ANYWHERE), HttpAnswer(404, {"content-type": "text/html"}), "no problem document"),
        (Route("intake", "GET", ANYWHERE), HttpAnswer(404, PROBLEM), ""),
        (ROUTE, HttpAnswer(422, PROBLEM), ""),
        (ROUTE, HttpAnswer(200), ""),
    ],
)
def test_each_answer_that_must_not_come_back_is_a_fault(route: Route, answer: HttpAnswer, fault: str) -> None:
    assert fault_of(route, PLAIN, answer) == fault


def test_who_hangs_up_gets_no_answer() -> None:
    assert fault_of(ROUTE, HostileRequest(b"POST", b"/", cut=True), HttpAnswer(NO_ANSWER)) == ""


async def test_the_client_sends_what_it_is_told_and_reads_every_form_of_answer() -> None:
    answers = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ]
    received: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for text in answers:
            received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(text)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server, RawClient("127.0.0.1", server.sockets[0].getsockname()[1]) as client:
        request = HostileRequest(b"get", b"/\xff", ((b"X", b"\x00"), (b"X", b"2")))
        assert [await client.send(request) for _ in answers] == [
            HttpAnswer(200, {"content-length": "2"}, b"ok"),
            HttpAnswer(404, {"transfer-encoding": "chunked"}, b"abc"),
            HttpAnswer(204),
        ]
    assert received[0].startswith(b"get /\xff HTTP/1.1\r\nHost: 127.0.0.1")
    assert b"\r\nX: \x00\r\nX: 2\r\n" in received[0]
