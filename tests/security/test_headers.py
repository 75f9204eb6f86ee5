"""Every response of every running service, to anybody, cannot be framed, sniffed or stored, but for the listed files."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role
from wanderamt_local.system import SERVICES, System

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
CALENDAR = "public, max-age=900"
MAY_BE_STORED = {
    "/status-list": "public, max-age=30",
    "/authority.pem": "public, max-age=30",
    "/public/stands": "public, max-age=60",
    "/calendar.ics": CALENDAR,
    "/calendar/district/A.ics": CALENDAR,
    "/calendar/group/A.ics": CALENDAR,
    "/field/": "no-cache",
    "/field/worker.js": "no-cache",
}
IMMUTABLE = "public, max-age=31536000, immutable"
NAMES = {"series": "BE", "year": "2026", "kind": "crew", "provider": "gate"}
BESIDE_ROUTES = {
    "": ("/", "/nowhere", "/docs", "/openapi.json", "/redoc", "/health/live", "/health/ready", "/docs/", "/%00"),
    "intake": (
        "/field",
        "/field/",
        "/field/worker.js",
        "/field/none.js",
        "/field/assets/none.js",
        "/field/../settings.py",
    ),
}


async def replies(http: httpx.AsyncClient, service: str) -> AsyncIterator[tuple[str, str, httpx.Response]]:
    """Method, path and response of each route, with an id that nobody has and without a body, and of other paths."""
    paths: dict[str, dict[str, object]] = (await http.get("/openapi.json")).json()["paths"]
    for path, operations in paths.items():
        url = re.sub(r"\{(\w+?)\}", lambda match: NAMES.get(match[1]) or ("A" if "_id" not in match[1] else ID), path)
        for method in operations:
            yield method, url, await http.request(method, url)
    for path in (*BESIDE_ROUTES[""], *BESIDE_ROUTES.get(service, ())):
        for method in ("get", "head", "post", "options"):
            yield method, path, await http.request(method, path)


ID = str(uuid7())


@pytest.mark.parametrize("anonymous", [True, False], ids=["anonymous", "with a token of every role"])
@pytest.mark.parametrize("service", SERVICES)
async def test_every_response_has_the_headers(running_system: System, service: str, anonymous: bool) -> None:
    token = running_system.token("tester", *Role, audience=service, device=uuid7(), stand=uuid7())
    headers = {} if anonymous else {"Authorization": f"Bearer {token}"}
    statuses = set()
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=30, headers=headers) as http:
        async for method, path, reply in replies(http, service):
            shown = (method, path, reply.status_code, dict(reply.headers))
            statuses.add(reply.status_code)
            assert reply.status_code < 500, shown
            assert EVERYWHERE.items() <= reply.headers.items(), shown
            policy = [directive.split(" ")[0] for directive in reply.headers["content-security-policy"].split("; ")]
            assert sorted(policy) == sorted(set(policy)), shown
            assert {"default-src", "frame-ancestors", "base-uri", "form-action"} <= set(policy), shown
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"], shown
            assert "unsafe-inline" not in reply.headers["content-security-policy"].split("style-src")[0], shown
            assert "permissions-policy" in reply.headers, shown
            assert "server" not in reply.headers, shown
            stored = MAY_BE_STORED.get(path, "no-store") if reply.is_success else "no-store"
            assert reply.headers["cache-control"] == stored, shown
    assert {200, 404, 405, *([401] if anonymous else [])} <= statuses


async def test_hashed_files_of_the_app_may_be_stored_for_ever(running_system: System) -> None:
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=10) as http:
        page = await http.get("/field/")
        assets = re.findall(r'"(/field/assets/[^"]+)"', page.text)
        assert assets
        for asset in assets:
            reply = await http.get(asset)
            assert (reply.status_code, reply.headers["cache-control"]) == (200, IMMUTABLE)
            assert EVERYWHERE.items() <= reply.headers.items()
    assert "camera=(self)" in page.headers["permissions-policy"]


@pytest.mark.parametrize("service", SERVICES)
async def test_only_operators_see_what_the_parts_of_a_service_say(running_system: System, service: str) -> None:
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=10) as http:
        for roles in ((), (Role.CLERK, Role.PLANNER), None):
            token = running_system.token("tester", *(roles or ()), audience=service)
            headers = {} if roles is None else {"Authorization": f"Bearer {token}"}
            reply = await http.get("/health/ready", headers=headers)
            assert (reply.status_code, reply.json()) == (200, {"status": "ready"})
        garbage = await http.get("/health/ready", headers={"Authorization": "Bearer x"})
        assert (garbage.status_code, garbage.json()) == (200, {"status": "ready"}), "a probe fails for no other reason"
        operator = {"Authorization": f"Bearer {running_system.token('o', Role.OPERATOR, audience=service)}"}
        components = (await http.get("/health/ready", headers=operator)).json()["components"]
        assert {"database", "jobs", "housekeeping"} <= components.keys()
        described = (await http.get("/asyncapi", headers=operator)).text
    assert running_system.kafka
    assert not any(broker in described for broker in running_system.kafka.bootstrap_servers.split(","))
