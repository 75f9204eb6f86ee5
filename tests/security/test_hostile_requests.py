"""No request of anybody ends in a server error or writes a traceback: hostile requests to every route of every service.

`make fuzz` sends two thousand to each; here a few, from a fixed seed.
"""

import httpx
import pytest
from wanderamt_fuzz.http_client import HostileRequest, RawClient
from wanderamt_fuzz.known_things import KnownThings
from wanderamt_fuzz.preparation import prepare
from wanderamt_fuzz.routes import routes_of
from wanderamt_fuzz.run import fuzz
from wanderamt_local.system import SERVICES, System
from wanderamt_testing.servers import LoopThread

REQUESTS = 5
SEED = 25


@pytest.fixture(scope="module")
def known_things(running_system: System, loop_thread: LoopThread) -> KnownThings:
    return loop_thread.run(prepare(running_system))


@pytest.mark.parametrize("service", SERVICES)
async def test_no_hostile_request_gets_a_server_error(
    running_system: System, known_things: KnownThings, service: str
) -> None:
    report = await fuzz(running_system, known_things, requests=REQUESTS, seed=SEED, services=[service])
    assert report.clean, "\n".join(report.faults[:20])
    assert report.routes == len(routes_of(service))
    assert report.requests == report.routes * REQUESTS


async def test_routes_with_roles_are_fuzzed_with_a_token_of_a_role(
    running_system: System, known_things: KnownThings
) -> None:
    report = await fuzz(running_system, known_things, requests=1, seed=SEED, only="POST /sync")
    assert "clerk at a stand" in report.reached["intake POST /sync"]
    report = await fuzz(running_system, known_things, requests=1, seed=SEED, only="POST /field/sessions")
    assert "clerk with a device key" in report.reached["intake POST /field/sessions"]


FAR_DAYS = ("1.1.99999999999999999999", "31.12.9999", "1.1.1", "0001-01-01", "9999-12-31")
FAR_TIMES = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize("day", FAR_DAYS)
async def test_a_date_of_birth_beyond_the_calendar_finds_nothing(running_system: System, day: str) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        for service, path in (("notifications", "/status"), ("scheduling", "/visit/appointment")):
            page = await http.post(f"{running_system.url(service)}{path}", data={"code": "7K3MZ-Q8XWT", "born": day})
            assert page.status_code in {404, 429}
        look_up = {"code": "7K3MZ-Q8XWT", "born": day}
        reply = await http.post(f"{running_system.url('scheduling')}/public/appointments/look-up", json=look_up)
        assert reply.status_code in {404, 422, 429}


@pytest.mark.parametrize("time", FAR_TIMES)
async def test_a_time_at_the_end_of_the_calendar_is_refused(
    running_system: System, known_things: KnownThings, time: str
) -> None:
    stand, scheduling = known_things.values["stand_id"][0], running_system.url("scheduling")
    async with httpx.AsyncClient(timeout=20) as http:
        form = {"service": "active_pass", "time": time}
        assert (await http.post(f"{scheduling}/visit/{stand}/hold", data=form)).status_code in {404, 409, 422, 429}
        hold = {"hold_id": stand, "service": "active_pass", "starts_at": time}
        reply = await http.post(f"{scheduling}/public/stands/{stand}/holds", json=hold)
        assert reply.status_code in {422, 429}


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("intake", "/stands/"),
        ("intake", "/field/."),
        ("intake", "/field/assets"),
        ("scheduling", "/visit/"),
        ("notifications", "/status/"),
        ("registry-bridge", "//evil.example/%2e%2e"),
    ],
)
async def test_an_odd_address_gets_a_problem_and_no_redirect(running_system: System, service: str, path: str) -> None:
    async with RawClient("127.0.0.1", running_system.ports[service]) as client:
        answer = await client.send(HostileRequest(b"GET", path.encode(), ((b"X-Forwarded-Host", b"evil.example"),)))
    assert answer.status in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_crew_s_app_is_found_without_the_slash(running_system: System) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        reply = await http.get(f"{running_system.url('intake')}/field", headers={"Host": "evil.example"})
    assert (reply.status_code, reply.headers["location"]) == (308, "./field/")


async def test_the_name_of_a_calendar_stays_on_its_line(running_system: System) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        for kind in ("group", "district"):
            url = f"{running_system.url('scheduling')}/calendar/{kind}/a%0D%0AX-INJECTED%3A%201.ics"
            feed = await http.get(url)
            assert feed.status_code in {200, 422}
            assert "\nX-INJECTED" not in feed.text
