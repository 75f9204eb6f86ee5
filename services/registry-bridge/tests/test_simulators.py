"""All simulated registers in one process: each at its address, knowing the same people."""

from pathlib import Path

import httpx
from connector_kit.testing.simulator import Simulator
from pydantic import BaseModel
from registry_bridge.bridges import bridge_folders
from registry_bridge.bridges.simulators import application, open_register

PEOPLE = """
{"family_name": "Gruber", "given_name": "Ana", "birth_date": "1980-01-01", "vehicles": [{"plate": "L-123AB"}]}
{"family_name": "Huber", "birth_year": 1970, "at": 0.1, "service": "fields of others are ignored"}
"""
EMPTY: dict[str, dict[str, list[object]]] = {
    "electoral_roll": {"cards": []},
    "lost_property": {"found": [], "lost": []},
    "social": {"passes": []},
}


async def test_each_register_has_its_address_faults_and_rows(tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    people.write_text(PEOPLE.lstrip(), encoding="utf-8")
    simulators: dict[str, Simulator[BaseModel]] = dict(
        open_register(folder, people=str(people), root=tmp_path / folder.manifest.id) for folder in bridge_folders()
    )
    transport = httpx.ASGITransport(application(simulators))
    rows = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://registers") as client:
        for name in simulators:
            assert (await client.get(f"/{name}/_simulator")).json()["calls"] == 0
            assert (await client.post(f"/{name}/_simulator", json={"down": True})).json()["down"] is True
            rows[name] = (await client.get(f"/{name}/_simulator/rows")).json()
    assert [row["given_name"] for row in rows["residents"]["people"]] == ["Ana", ""]
    assert [row["plate"] for row in rows["vehicles"]["vehicles"]] == ["L-123AB"]
    assert {name: rows[name] for name in EMPTY} == EMPTY
    assert rows["parking"] == {"permits": [], "fees": []}
    assert rows["dogs"] == {"dogs": []}
