"""Whatever a caller sends to whatever address: the answer is a problem document, and no request is a server error."""

from collections.abc import AsyncIterator
from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import Request
from pydantic import BaseModel, ConfigDict
from starlette.requests import ClientDisconnect
from wanderamt.backbone.persistence.database import Database
from wanderamt.kernel.bounded import EARLIEST_TIME, TIMES_END, BoundedDay, BoundedTime, ClockTime
from wanderamt.kernel.invalid_fields import MAX_FIELDS, MAX_PLACE, invalid_fields
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell.http import create_http

EDGES = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"]


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    at: BoundedTime | None = None
    day: BoundedDay | None = None
    recorded_at: ClockTime | None = None


async def make_wish(wish: Wish) -> datetime | None:
    return wish.recorded_at.astimezone(ZoneInfo("Europe/Vienna")) if wish.recorded_at else None


async def repeat() -> None:
    raise asyncpg.UniqueViolationError("duplicate key value: secret")


async def be_cut(_: Request) -> None:
    raise ClientDisconnect


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    database = Database("postgresql://nowhere/nothing", service_name="test")
    app = create_http("test", tokens=TokenVerifier(audience="test"), database=database, note_refusal=lambda _, __: None)
    for path, route in (("/wishes", make_wish), ("/repeated", repeat), ("/cut", be_cut)):
        app.post(path)(route)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city.example") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/wishes/", 404),
        ("GET", "/wishes//", 404),
        ("GET", "/%2e%2e/%00", 404),
        ("GET", "/wishes", 405),
        ("TRACE", "/wishes", 405),
        ("PROPFIND", "/", 404),
    ],
)
async def test_an_unexpected_address_gets_a_problem_and_no_redirect(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    reply = await http.request(method, path, headers={"Host": "evil.example"})
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert (reply.json()["code"], reply.json()["status"]) == (f"http.{status}", status)
    assert "location" not in reply.headers
    assert reply.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize("at", EDGES)
async def test_a_time_on_which_arithmetic_overflows_is_refused(http: httpx.AsyncClient, at: str) -> None:
    for wish in ({"at": at}, {"day": at[:10] if at[:4] in {"0001", "9999"} else "1849-12-31"}):
        reply = await http.post("/wishes", json=wish)
        assert (reply.status_code, reply.json()["code"]) == (422, "request.invalid")


@pytest.mark.parametrize("at", EDGES)
async def test_the_clock_of_a_device_may_be_wrong(http: httpx.AsyncClient, at: str) -> None:
    reply = await http.post("/wishes", json={"recorded_at": at})
    assert reply.status_code == 200
    assert EARLIEST_TIME <= datetime.fromisoformat(reply.json()) < TIMES_END


async def test_many_and_long_names_get_a_short_answer(http: httpx.AsyncClient) -> None:
    body = {"a" * 9_000: 2, **{f"field{number}": 0 for number in range(900)}}
    reply = await http.post("/wishes", json=body)
    errors = reply.json()["errors"]
    assert (reply.status_code, len(errors)) == (422, MAX_FIELDS)
    assert max(map(len, errors)) < MAX_PLACE + 60


@pytest.mark.parametrize(
    "content", [b'{"\\ud800": 1}', b'{"at": "\\ud800"}', b"[" * 60_000, b"9" * 9_000, b"\xff", b""]
)
async def test_a_body_that_is_no_text_is_refused(http: httpx.AsyncClient, content: bytes) -> None:
    reply = await http.post("/wishes", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in {400, 413, 422}
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_name_that_has_no_form_in_utf_8_is_described() -> None:
    errors = [{"loc": ("body", "\ud800\x00"), "msg": "Extra inputs\r\nare not permitted"}]
    assert invalid_fields(errors) == ("body.��: Extra inputs��are not permitted",)


async def test_a_request_that_is_handled_twice_at_once_is_a_conflict(http: httpx.AsyncClient) -> None:
    reply = await http.post("/repeated")
    assert (reply.status_code, reply.json()["code"]) == (503, "server.concurrent")
    assert "secret" not in reply.text


async def test_a_cut_request_is_no_server_error(http: httpx.AsyncClient) -> None:
    reply = await http.post("/cut")
    assert (reply.status_code, reply.json()["code"]) == (422, "request.cut_off")
