"""The evening and the night of the dog register, which exchanges files: the demo does not wait for them.

The registry bridge uses the shipped bridge with a manifest of its own, in which the evening is far away. Once the
morning is over, the demo sets the evening to now and starts the registry bridge again, and then has the simulator work
through its night.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from registry_bridge.bridges import BRIDGES_FOLDER
from wanderamt.security.roles import Role

from wanderamt_local.system import System

REGISTER: Final = "dogs"
BRIDGE: Final = "registry-bridge"
EVENING: Final = 'at = "20:00:00"'
LOCAL: Final = "Europe/Vienna"
SHIPPED_ZONE: Final = f'time_zone = "{LOCAL}"'
QUICK: Final = {
    "stable_for_s = 60": "stable_for_s = 1",
    "poll_interval_s = 300": "poll_interval_s = 0.5",
    "rate_per_s = 1": "rate_per_s = 10",
}
TIMEOUT_S: Final = 120


@dataclass(frozen=True)
class NightlyFiles:
    """`folder`: of the bridge with the manifest of the demo."""

    folder: Path

    def prepare(self) -> dict[str, str]:
        """Writes the bridge. Returns the setting with which services find it."""
        for module in ("adapter", "models"):
            text = f"from registry_bridge.bridges.{REGISTER}.{module} import *\n"
            (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        self._set_evening("23:59:59")
        return {"WANDERAMT_BRIDGE_FOLDERS": json.dumps([str(self.folder)])}

    async def bring_evening_and_night(
        self, system: System, orders: int, *, now: datetime, time_zone: str = LOCAL
    ) -> None:
        """Until the register has got so many `orders` and has written its answers. A day has one evening: another
        `time_zone`, in which it is another day, brings another one. Raises TimeoutError."""
        async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(TIMEOUT_S):
            while await self._waiting(system, client) < orders:
                await asyncio.sleep(0.2)
            self._set_evening("00:00:00", time_zone)
            system.supervisor.end(BRIDGE)
            while not (await client.get(system.simulator_url(REGISTER))).json()["orders"]:
                await asyncio.sleep(0.2)
            night = {"day": (now + timedelta(days=1)).isoformat()}
            (await client.post(f"{system.simulator_url(REGISTER)}/night", json=night)).raise_for_status()

    def _set_evening(self, at: str, time_zone: str = LOCAL) -> None:
        manifest = (BRIDGES_FOLDER / REGISTER / "bridge.toml").read_text(encoding="utf-8")
        changes = {EVENING: f'at = "{at}"', SHIPPED_ZONE: f'time_zone = "{time_zone}"', **QUICK}
        for shipped, changed in changes.items():
            assert shipped in manifest, shipped  # noqa: S101
            manifest = manifest.replace(shipped, changed)
        (self.folder / "bridge.toml").write_text(manifest, encoding="utf-8")

    async def _waiting(self, system: System, client: httpx.AsyncClient) -> int:
        """The orders that wait at the registry bridge; -1 while it is not there."""
        token = system.token("operator@linz", Role.OPERATOR, audience=BRIDGE)
        try:
            reply = await client.get(f"{system.url(BRIDGE)}/registers", headers={"Authorization": f"Bearer {token}"})
            reply.raise_for_status()
        except httpx.HTTPError:
            return -1
        waiting: int = next(entry["waiting"] for entry in reply.json() if entry["register_name"] == REGISTER)
        return waiting
