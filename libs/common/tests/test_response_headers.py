"""Every response carries the security headers; the walk over all routes is in tests/security/test_headers.py."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Body, FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from wanderamt.backbone.persistence.database import Database
from wanderamt.security.policy import Action
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenVerifier
from wanderamt.shell.access import require
from wanderamt.shell.audit_log import AuditLog
from wanderamt.shell.documentation import documentation_page
from wanderamt.shell.http import create_http
from wanderamt.shell.http_body import DEFAULT_MAX_BYTES
from wanderamt_testing.run_keys import RunKeys

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


async def chunks() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


def application(run_keys: RunKeys, *addresses: str, documentation: bool = False) -> FastAPI:
    tokens = TokenVerifier(run_keys.public_key, audience="scheduling")
    database = Database("postgresql://nowhere", service_name="scheduling")
    app = create_http(
        "scheduling",
        tokens=tokens,
        database=database,
        note_refusal=AuditLog(database).note,
        public_addresses=addresses,
        documentation=documentation,
    )

    @app.get("/json")
    async def show() -> dict[str, str]:
        return {"name": "Ada"}

    @app.get("/page")
    async def page() -> HTMLResponse:
        policy = "default-src 'none'; img-src https://tiles.example; form-action 'self'"
        return HTMLResponse("<p>", headers={"Content-Security-Policy": policy})

    @app.get("/framed")
    async def framed() -> HTMLResponse:
        return HTMLResponse("<p>", headers={"Content-Security-Policy": "Frame-Ancestors 'self';"})

    @app.get("/cached")
    async def cached() -> Response:
        return Response("x", headers={"Cache-Control": "public, max-age=60", "referrer-policy": "origin"})

    @app.get("/streamed")
    async def streamed() -> StreamingResponse:
        return StreamingResponse(chunks())

    @app.get("/elsewhere")
    async def elsewhere() -> RedirectResponse:
        return RedirectResponse("/json")

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("a bug")

    @app.get("/nothing", status_code=204)
    async def nothing() -> None: ...

    @app.post("/take")
    async def take(body: Annotated[dict[str, int], Body()]) -> dict[str, int]:
        return body

    @app.get("/guarded")
    async def guarded(_: Principal = require(Action.PLAN_STAND)) -> None: ...

    app.mount("/files", StaticFiles(directory=Path(__file__).parent))
    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/json", 200),
        ("HEAD", "/json", 405),
        ("DELETE", "/json", 405),
        ("GET", "/streamed", 200),
        ("GET", "/elsewhere", 307),
        ("GET", "/nothing", 204),
        ("GET", "/nowhere", 404),
        ("GET", "/guarded", 401),
        ("POST", "/take", 422),
        ("GET", "/bug", 500),
        ("GET", "/files/test_jobs.py", 200),
        ("GET", "/files/none.py", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("GET", "/openapi.json", 404),
    ],
)
async def test_every_response_has_the_headers(run_keys: RunKeys, method: str, path: str, status: int) -> None:
    async with client(application(run_keys)) as http:
        reply = await http.request(method, path)
    assert reply.status_code == status
    assert EVERYWHERE.items() <= reply.headers.items()
    assert reply.headers["cache-control"] == "no-store"
    policy = reply.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} == set(policy)
    assert "camera=()" in reply.headers["permissions-policy"]
    assert len(reply.headers.raw) == len({name.lower() for name, _ in reply.headers.raw}), "none is sent twice"


async def test_a_body_that_is_too_large_and_a_wrong_role_get_them_too(run_keys: RunKeys) -> None:
    async with client(application(run_keys)) as http:
        large = await http.post("/take", headers={"content-length": str(DEFAULT_MAX_BYTES + 1)}, content=b"{}")
        forbidden = await http.get("/guarded", headers=run_keys.bearer(Role.CLERK, audience="scheduling"))
    assert (large.status_code, forbidden.status_code) == (413, 403)
    for reply in (large, forbidden):
        assert EVERYWHERE.items() <= reply.headers.items()
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]


async def test_a_page_keeps_its_own_policy_and_gets_what_is_missing(run_keys: RunKeys) -> None:
    async with client(application(run_keys)) as http:
        page, framed, cached = [await http.get(path) for path in ("/page", "/framed", "/cached")]
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; img-src https://tiles.example; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert framed.headers["content-security-policy"] == "Frame-Ancestors 'self'; base-uri 'none'"
    assert cached.headers["cache-control"] == "public, max-age=60"
    assert cached.headers["referrer-policy"] == "origin"


@pytest.mark.parametrize(
    ("addresses", "sent"),
    [
        ((), False),
        (("http://localhost:*",), False),
        (("https://linz.example", "http://localhost:*"), False),
        (("https://linz.example",), True),
    ],
)
async def test_browsers_are_told_to_use_https_where_nothing_else_is_served(
    run_keys: RunKeys, addresses: tuple[str, ...], sent: bool
) -> None:
    async with client(application(run_keys, *addresses)) as http:
        for path in ("/json", "/bug", "/nowhere"):
            assert ("strict-transport-security" in (await http.get(path)).headers) is sent


async def test_the_documentation_is_a_page_of_our_own_without_any_script(run_keys: RunKeys) -> None:
    async with client(application(run_keys, documentation=True)) as http:
        page, document = await http.get("/docs"), await http.get("/openapi.json")
        assert (await http.get("/redoc")).status_code == 404
    assert document.json()["paths"].keys() >= {"/json", "/guarded", "/take"}
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "//" not in page.text.replace("http://test", "")
    assert "script" not in page.headers["content-security-policy"]
    for path, method in (("/json", "GET"), ("/take", "POST")):
        assert f"<b>{method}</b> <code>{path}</code>" in page.text
    assert "curl -X GET http://test/guarded -H &quot;Authorization: Bearer $TOKEN&quot;" in page.text


def test_whatever_the_document_holds_is_shown_as_text() -> None:
    evil = "<script>alert(1)</script>'\"$x"
    operation = {
        "tags": [evil],
        "description": evil,
        "parameters": [{"name": evil, "in": evil, "description": evil, "schema": {"type": evil}}],
        "requestBody": {"content": {evil: {"schema": {"title": evil}, "example": evil}}},
        "responses": {evil: {"description": evil, "content": {evil: {"schema": {"$ref": f"#/{evil}"}}}}},
    }
    document = {"info": {"title": evil}, "paths": {evil: {"post": operation}}, "components": {"schemas": {evil: evil}}}
    page = documentation_page(document, address=evil)
    assert "<script" not in page
    assert "'\"" not in page
