"""A partner's system hears of a document over Kafka, and hears it again when an operator replays the log."""

import asyncio
import json
import os
import sys
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field import open_case_entry
from wanderamt_local.state import free_port

TYPE = "at.wanderamt.case.opened.v1"
WAIT_S = 40


async def test_a_partner_hears_and_hears_again(running_system: Any) -> None:
    system, heard, port = running_system, [], free_port()

    async def take(request: Request) -> Response:
        heard.append((dict(request.headers), await request.body()))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/hook", take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    token = system.token("operator@linz", Role.OPERATOR, audience="notifications")
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=10) as http:
            asked = {"name": "Fundamt", "url": f"http://127.0.0.1:{port}/hook", "types": [TYPE]}
            made = await http.post(f"{system.url('notifications')}/subscribers", json=asked)
            secret = made.json()["secret"]
            case_id, since = uuid7(), utc_now() - timedelta(seconds=5)
            await _open_case(system, case_id)
            await _until(lambda: case_id in _cases(heard))
            told = next(one for one in heard if str(case_id) in one[1].decode())
            assert Webhook(secret).verify(told[1], told[0])["type"] == TYPE
            said = await _replay(system, since.strftime("%Y-%m-%dT%H:%M:%S"))
            assert "will be delivered" in said
            await _until(lambda: _cases(heard).count(case_id) == 2)
            assert len({headers["webhook-id"] for headers, body in heard if str(case_id) in body.decode()}) == 1
            await http.delete(f"{system.url('notifications')}/subscribers/{made.json()['subscriber_id']}")
    finally:
        server.should_exit = True
        await serving


async def _open_case(system: Any, case_id: Any) -> None:
    stand_id = uuid7()
    clerk = {"Authorization": f"Bearer {await system.enrol(uuid7(), stand_id)}"}
    entry = open_case_entry(
        uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body={"service": "found_property_report"}
    )
    async with httpx.AsyncClient(base_url=system.url("intake"), headers=clerk, timeout=10) as http:
        (await http.post("/sync", json={"entries": [entry]})).raise_for_status()


async def _replay(system: Any, since: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "notice", "replay", "Fundamt", "--since", since),
        env={**os.environ, **system.env("notifications")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), WAIT_S)
    assert process.returncode == 0, said.decode()
    return said.decode()


def _cases(heard: list[Any]) -> list[Any]:
    return [type(uuid7())(json.loads(body)["data"]["case_id"]) for _, body in heard]


async def _until(holds: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await asyncio.sleep(0.1)
