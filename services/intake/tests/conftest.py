"""Builders for intake's tests: a service with a fresh database, an enrolled device, entries."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from intake.app import build
from intake.settings import Settings
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role
from wanderamt.shell.service import Service


@dataclass
class Desk:
    """Intake's HTTP door with an enrolled device before it."""

    service: Service
    http: httpx.AsyncClient
    badge: Any
    device_id: UUID
    stand_id: UUID
    seq: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)

    def bearer(self, *roles: Role, **about: Any) -> dict[str, str]:
        token = self.badge.token(*roles, audience="intake", **about)
        return {"Authorization": f"Bearer {token}"}

    def clerk(self) -> dict[str, str]:
        return self.bearer(Role.CLERK, device=self.device_id, stand=self.stand_id)

    def entry(self, **changes: Any) -> dict[str, Any]:
        self.seq += 1
        entry = {
            "entry_id": str(uuid7()),
            "case_id": str(uuid7()),
            "device_seq": self.seq,
            "case_seq": 1,
            "stand_id": str(self.stand_id),
            "type": "case.open",
            "captured_at": "2026-05-04T09:30:00+02:00",
            "body": {
                "service": "registration_confirmation",
                "language": "de",
                "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
                "contact": {"phone": "+43660555001", "email": "zoe@mail.example"},
            },
        }
        return entry | changes

    async def sync(self, *entries: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.post("/sync", json={"entries": list(entries)}, headers=headers or self.clerk())

    async def rows(self, sql: str) -> list[Any]:
        async with self.service.ground.database.work() as work:
            return list(await work.db.fetch(sql))


@pytest_asyncio.fixture
async def desk(make_database: Any, badge: Any, servers: Any) -> AsyncIterator[Desk]:
    settings = Settings(
        database_url=SecretStr(await make_database("intake")),
        kafka_bootstrap_servers=servers.kafka.bootstrap_servers,
        token_public_key=badge.public_key,
        sealing_key=SecretStr(badge.sealing_key),
    )
    service = build(settings)
    await service.ground.database.start()
    transport = httpx.ASGITransport(service.ground.http, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
        desk = Desk(service, http, badge, uuid7(), uuid7())
        body = {"device_id": str(desk.device_id), "label": "Tablet 1"}
        assert (await http.post("/devices", json=body, headers=desk.bearer(Role.OPERATOR))).status_code == 201
        yield desk
    await service.ground.database.stop()


@pytest.fixture
def megabytes() -> str:
    return "x" * (2 * 1024 * 1024)
