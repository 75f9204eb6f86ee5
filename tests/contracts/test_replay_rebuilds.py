"""A projection that is rebuilt from offset 0 of the log equals the live one, row by row."""

import asyncio
import os
import sys

import asyncpg
import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import LeasedNumbers, open_case_entry, whole_case
from wanderamt_local.system import System

CASES = 60


async def rebuild(system: System, url: str, service: str = "scheduling") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wanderamt.shell", "rebuild", service, "--into", url),
        env={**os.environ, **system.env(service), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode(errors="replace")


async def test_a_projection_rebuilt_from_offset_0_equals_the_live_one_row_by_row(running_system: System) -> None:
    system = running_system
    device_id, stand_id = uuid7(), uuid7()
    clerk = await system.enrol(device_id, stand_id)
    body = whole_case(
        "advice",
        language="de",
        applicant={"given_name": "A", "family_name": "B", "birth_date": "1980-01-01"},
        numbers=LeasedNumbers(),
    )
    entries = [
        open_case_entry(uuid7(), uuid7(), stand_id, device_seq=number, captured_at=utc_now(), body=body)
        for number in range(1, CASES + 1)
    ]
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20) as http:
        headers = {"Authorization": f"Bearer {clerk}"}
        (await http.post("/sync", json={"entries": entries}, headers=headers)).raise_for_status()
    planner = {"Authorization": f"Bearer {system.token('p@linz', Role.PLANNER, audience='scheduling')}"}
    async with httpx.AsyncClient(base_url=system.url("scheduling"), timeout=20) as http, asyncio.timeout(60):
        expected = [{"service": "advice", "open": 0, "completed": CASES, "needs_visit": 0, "withdrawn": 0}]
        while (await http.get(f"/stands/{stand_id}/demand", headers=planner)).json() != expected:
            await asyncio.sleep(0.2)
    await asyncio.sleep(1)  # the last cases of other tests

    assert system.postgres
    url = await system.postgres.create_database(f"rebuilt_{uuid7().hex[-12:]}")
    code, output = await rebuild(system, url)
    assert code == 0, output
    live = await rows(system.postgres.database_url("scheduling"), "visit")
    rebuilt = await rows(url, "visit")
    assert len(live) >= CASES
    assert rebuilt == live
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    assert await connection.fetchval("SELECT count(*) FROM job") == 0
    await connection.close()

    code, output = await rebuild(system, url)
    assert code == 2, output
    assert "name an empty one" in " ".join(output.split())

    url = await system.postgres.create_database(f"rebuilt_{uuid7().hex[-12:]}")
    code, output = await rebuild(system, url, "registry-bridge")
    assert code == 0, output
    live = await rows(system.postgres.database_url(system.database("registry-bridge")), "case_copy")
    assert len(live) >= CASES
    assert await rows(url, "case_copy") == live


async def rows(url: str, table: str) -> list[tuple[object, ...]]:
    """Of a projection of cases."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY case_id")]
    finally:
        await connection.close()
