"""A partner's system gets an event over Kafka, and gets it again when an operator replays the log."""

import asyncio
import json
import os
import sys
from datetime import timedelta
from uuid import UUID

import httpx
import uvicorn
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import open_case_entry
from wanderamt_local.state import free_port
from wanderamt_local.system import System
from wanderamt_testing.waiting import wait_until

TYPE = "at.wanderamt.case.opened.v1"
WAIT_S = 40


async def test_a_partner_gets_an_event_and_gets_it_again_by_a_replay(running_system: System) -> None:
    system, port = running_system, free_port()
    received: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        received.append((dict(request.headers), await request.body()))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    server_task = asyncio.create_task(server.serve())
    token = system.token("operator@linz", Role.OPERATOR, audience="notifications")
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=10) as http:
            subscriber = {"name": "Fundamt", "url": f"http://127.0.0.1:{port}/hook", "types": [TYPE]}
            reply = await http.post(f"{system.url('notifications')}/subscribers", json=subscriber)
            secret = reply.json()["secret"]
            case_id, since = uuid7(), utc_now() - timedelta(seconds=5)
            await _open_case(system, case_id)
            await wait_until(lambda: case_id in _cases(received), timeout_s=WAIT_S)
            headers, body = next(request for request in received if str(case_id) in request[1].decode())
            assert Webhook(secret).verify(body, headers)["type"] == TYPE
            output = await _replay(system, since.strftime("%Y-%m-%dT%H:%M:%S"))
            assert "will be delivered" in output
            await wait_until(lambda: _cases(received).count(case_id) == 2, timeout_s=WAIT_S)
            assert len({headers["webhook-id"] for headers, body in received if str(case_id) in body.decode()}) == 1
            await http.delete(f"{system.url('notifications')}/subscribers/{reply.json()['subscriber_id']}")
    finally:
        server.should_exit = True
        await server_task


async def _open_case(system: System, case_id: UUID) -> None:
    stand_id = uuid7()
    clerk = {"Authorization": f"Bearer {await system.enrol(uuid7(), stand_id)}"}
    entry = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body={"service": "advice"})
    async with httpx.AsyncClient(base_url=system.url("intake"), headers=clerk, timeout=10) as http:
        (await http.post("/sync", json={"entries": [entry]})).raise_for_status()


async def _replay(system: System, since: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "notifications", "replay", "Fundamt", "--since", since),
        env={**os.environ, **system.env("notifications")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == 0, output.decode()
    return output.decode()


def _cases(received: list[tuple[dict[str, str], bytes]]) -> list[UUID]:
    return [UUID(json.loads(body)["data"]["case_id"]) for _, body in received]
