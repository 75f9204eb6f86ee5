"""Fixtures of several test files."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from http_server_fixtures import (
    CONNECTIONS,
    HEADER_S,
    LONGEST_S,
    OF_ONE_NETWORK,
    STALL_S,
    RunningServer,
    effects,
    router,
)
from wanderamt.backbone.persistence.database import Database
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell.audit_log import AuditLog
from wanderamt.shell.http import create_http
from wanderamt.shell.http_body import BodyTimes
from wanderamt.shell.http_server import ServerBounds, create_server
from wanderamt_testing.waiting import wait_until


@pytest_asyncio.fixture
async def running() -> AsyncIterator[RunningServer]:
    effects.clear()
    database = Database("postgresql://nowhere", "scheduling")
    app = create_http(
        "scheduling",
        tokens=TokenVerifier(audience="scheduling"),
        database=database,
        note_refusal=AuditLog(database).note,
        body_times=BodyTimes(pause_s=HEADER_S, longest_s=LONGEST_S, stall_s=STALL_S),
    )
    app.include_router(router)
    app.state.goes_on = asyncio.Event()
    bounds = ServerBounds(CONNECTIONS, HEADER_S, keep_alive_s=65, drain_s=5, network_share=OF_ONE_NETWORK / CONNECTIONS)
    server = create_server(app, host="127.0.0.1", port=0, bounds=bounds)
    serving = asyncio.create_task(server.serve())
    await wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        yield RunningServer(app, server, port, http)
    app.state.goes_on.set()
    server.should_exit = True
    await serving
