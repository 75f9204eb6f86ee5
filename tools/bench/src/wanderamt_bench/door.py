"""The front door of a system that runs as in production, in databases and on topics of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import migrate
from wanderamt.backbone.sources import utc_now
from wanderamt_local.field import Numbers, open_case_entry, whole_case
from wanderamt_local.kafka import Kafka
from wanderamt_local.postgres import Postgres
from wanderamt_local.processes import Command
from wanderamt_local.state import State, free_port
from wanderamt_local.system import REGISTERS, SERVICES, System, database_of, says_ok

from wanderamt_bench.aged import age
from wanderamt_bench.stage import Stage


class Untraced(System):
    """As in production without a collector: ids travel on, no span is made."""

    @cached_property
    def own(self) -> str:
        return f"s{uuid7().hex[-12:]}"

    def database(self, name: str) -> str:
        return f"{self.own}_{database_of(name)}"

    def env(self, name: str) -> dict[str, str]:
        return super().env(name) | {"WANDERAMT_TRACE_FOLDER": "", "WANDERAMT_TOPIC_PREFIX": f"{self.own}."}

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        """Those of the stage."""
        assert self.kafka
        assert self.postgres
        return self.kafka, self.postgres

    async def lay(self, *services: str, old_rows: int) -> None:
        """Databases of these services, with so many old rows."""
        assert self.postgres
        urls = {name: await self.postgres.create_database(self.database(name)) for name in services}
        for name, url in urls.items():
            await asyncio.to_thread(migrate, url, database_of(name))
        if old_rows:
            await asyncio.gather(*(age(url, database_of(name), old_rows) for name, url in urls.items()))

    async def stop(self) -> None:
        """Its processes and its databases; the stage's servers stay."""
        assert self.postgres
        await self.children.stop()
        for name in SERVICES:
            await self.postgres.drop_database(self.database(name))


class Door:
    """One way into a running system: where to send, with which token, for which stand."""

    def __init__(self, url: str, token: str, stand_id: UUID) -> None:
        self.url = url
        self.stand_id = stand_id
        self.client = httpx.AsyncClient(
            timeout=60, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        )
        self._seq = 0

    def lines(self, count: int, *, phone: str = "+43660555001", whole: bool = False) -> str:
        """Each opens a case and asks the register, as the bare door does; `whole`: and ends at the desk."""
        return "\n".join(self._line(phone, whole=whole) for _ in range(count))

    def _line(self, phone: str, *, whole: bool) -> str:
        self._seq += 1
        applicant = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
        body = whole_case("dog_registration", applicant=applicant, contact={"phone": phone}, numbers=Numbers())
        if not whole:
            body = {name: value for name, value in body.items() if name != "papers"}
            body["service"] = "registration_confirmation"
        entry = open_case_entry(uuid7(), uuid7(), self.stand_id, device_seq=self._seq, captured_at=utc_now(), body=body)
        return json.dumps(entry)

    async def sync(self, lines: str) -> None:
        reply = await self.client.post(f"{self.url}/sync", content=lines)
        reply.raise_for_status()
        assert {one["status"] for one in reply.json()["results"]} == {"accepted"}, reply.text[:500]


@asynccontextmanager
async def bare_door(stage: Stage, *third_parties: str) -> AsyncIterator[Door]:
    """The chain by hand, in one process. `third_parties`: the register's URL, the gateway's and its key."""
    port, topics = free_port(), await stage.topics()
    url = await stage.postgres.create_database("bare_chain")
    served = (str(port), url, stage.kafka.bootstrap_servers, topics.prefix)
    try:
        await stage.children.start(
            Command(
                name="bare",
                argv=[sys.executable, "-m", "wanderamt_bench.bare_chain", *served, *third_parties],
                env={},
                log=stage.folder / "logs" / "bare.log",
                ready=lambda: says_ok(f"http://127.0.0.1:{port}/ready"),
                restart=False,
            )
        )
        yield Door(f"http://127.0.0.1:{port}", "none", uuid7())
        await stage.children.stop_one("bare")
    finally:
        await stage.postgres.drop_database("bare_chain")


@asynccontextmanager
async def whole_system(stage: Stage, *, old_rows: int = 0, **more: Any) -> AsyncIterator[tuple[Untraced, Door]]:
    """All services. The register answers at once, so that what is measured is ours. `more`: of the System."""
    system = _new_system(stage, **more)
    try:
        await system.lay(*SERVICES, old_rows=old_rows)
        await system.start()
        await system.turn("residents", {"latency_s": 0, "jitter_s": 0})
        yield system, await _door(system)
    finally:
        await system.stop()


@asynccontextmanager
async def intake_alone(
    stage: Stage, *, old_rows: int = 0, argv: Sequence[str] = ()
) -> AsyncIterator[tuple[Untraced, Door]]:
    """One process with its database and relay. `argv`: another command than its usual one."""
    system = _new_system(stage)
    names = ("intake", *REGISTERS, "dogs-sftp", "sms", "smpp", "smtp", "notifications")
    system.ports = {name: free_port() for name in names}
    try:
        await system.lay("intake", old_rows=old_rows)
        usual = system.command("intake")
        await system.children.start(replace(usual, argv=argv or usual.argv))
        yield system, await _door(system)
    finally:
        await system.stop()


def _new_system(stage: Stage, **more: Any) -> Untraced:
    parts = {"carriers": ("gate", "post")} | more  # one way for texts, as the bare version has
    return Untraced(State(stage.folder / uuid7().hex[-12:]), kafka=stage.kafka, postgres=stage.postgres, **parts)


async def _door(system: Untraced) -> Door:
    stand_id = uuid7()
    return Door(system.url("intake"), await system.enrol(uuid7(), stand_id), stand_id)
