"""Starts the system as in production, with its own databases and topics, and sends entries to its POST /sync."""

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
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt_local.field_entries import LeasedNumbers, open_case_entry, whole_case
from wanderamt_local.kafka import Kafka
from wanderamt_local.postgres import Postgres
from wanderamt_local.processes import ProcessSpec
from wanderamt_local.state import StateFolder, free_port
from wanderamt_local.system import SERVICES, System, database_of, responds_ok

from wanderamt_bench.bench_environment import BenchEnvironment
from wanderamt_bench.old_rows import insert_old_rows


class UntracedSystem(System):
    """The system without a trace collector: services pass trace ids on and create no spans."""

    @cached_property
    def prefix(self) -> str:
        return f"s{uuid7().hex[-12:]}"

    def database(self, name: str) -> str:
        return f"{self.prefix}_{database_of(name)}"

    def env(self, name: str) -> dict[str, str]:
        return super().env(name) | {"WANDERAMT_TRACE_FOLDER": "", "WANDERAMT_TOPIC_PREFIX": f"{self.prefix}."}

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        """The servers of the benchmark."""
        assert self.kafka
        assert self.postgres
        return self.kafka, self.postgres

    async def create_databases(self, *services: str, old_rows: int) -> None:
        """Creates and migrates the databases of these services. `old_rows`: in each table that grows."""
        assert self.postgres
        urls = {name: await self.postgres.create_database(self.database(name)) for name in services}
        for name, url in urls.items():
            await asyncio.to_thread(migrate, url, database_of(name))
        if old_rows:
            await asyncio.gather(*(insert_old_rows(url, database_of(name), old_rows) for name, url in urls.items()))

    async def stop(self) -> None:
        """Stops the processes and drops the databases; the servers of the benchmark continue."""
        assert self.postgres
        await self.supervisor.stop()
        for name in SERVICES:
            await self.postgres.drop_database(self.database(name))


class SyncEndpoint:
    """POST /sync of a running system: URL, token and stand."""

    def __init__(self, url: str, token: str, stand_id: UUID) -> None:
        self.url = url
        self.stand_id = stand_id
        self.client = httpx.AsyncClient(
            base_url=url,
            timeout=60,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
        )
        self._seq = 0

    def entry_lines(self, count: int, *, phone: str = "+43660555001", whole: bool = False) -> str:
        """Entries that each open a case with a register query, as in the bare version. `whole`: complete cases."""
        return "\n".join(self._entry_line(phone, whole=whole) for _ in range(count))

    def _entry_line(self, phone: str, *, whole: bool) -> str:
        self._seq += 1
        applicant = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
        body = whole_case("life_certificate", applicant=applicant, contact={"phone": phone}, numbers=LeasedNumbers())
        if not whole:
            body = {name: value for name, value in body.items() if name not in {"papers", "facts"}}
            body["service"] = "registration_confirmation"
        entry = open_case_entry(uuid7(), uuid7(), self.stand_id, device_seq=self._seq, captured_at=utc_now(), body=body)
        return json.dumps(entry)

    async def sync(self, lines: str) -> None:
        reply = await self.client.post("/sync", content=lines)
        reply.raise_for_status()
        assert {result["status"] for result in reply.json()["results"]} == {"accepted"}, reply.text[:500]


@asynccontextmanager
async def bare_endpoint(bench: BenchEnvironment, *third_parties: str) -> AsyncIterator[SyncEndpoint]:
    """The bare chain, in one process. `third_parties`: URL of the register, URL of the SMS gateway, and its key."""
    port, topics = free_port(), await bench.topics()
    url = await bench.postgres.create_database("bare_chain")
    arguments = (str(port), url, bench.kafka.bootstrap_servers, topics.prefix)
    try:
        await bench.supervisor.start(
            ProcessSpec(
                name="bare",
                argv=[sys.executable, "-m", "wanderamt_bench.bare_chain", *arguments, *third_parties],
                env={},
                log=bench.folder / "logs" / "bare.log",
                ready=lambda: responds_ok(f"http://127.0.0.1:{port}/ready"),
                restart=False,
            )
        )
        yield SyncEndpoint(f"http://127.0.0.1:{port}", "none", uuid7())
        await bench.supervisor.stop_one("bare")
    finally:
        await bench.postgres.drop_database("bare_chain")


@asynccontextmanager
async def whole_system(
    bench: BenchEnvironment, *, old_rows: int = 0, **options: Any
) -> AsyncIterator[tuple[UntracedSystem, SyncEndpoint]]:
    """All services. The register answers without delay, so that the figures show our own time. `options`: of System."""
    system = _new_system(bench, **options)
    try:
        await system.create_databases(*SERVICES, old_rows=old_rows)
        await system.start()
        await system.set_faults("residents", {"latency_s": 0, "jitter_s": 0})
        yield system, await _endpoint(system)
    finally:
        await system.stop()


@asynccontextmanager
async def intake_alone(
    bench: BenchEnvironment, *, old_rows: int = 0, argv: Sequence[str] = ()
) -> AsyncIterator[tuple[UntracedSystem, SyncEndpoint]]:
    """Only intake: one process with its database and relay. `argv`: replaces its command."""
    system = _new_system(bench)
    system.choose_ports()
    try:
        await system.create_databases("intake", old_rows=old_rows)
        spec = system.service_spec("intake")
        await system.supervisor.start(replace(spec, argv=argv or spec.argv))
        yield system, await _endpoint(system)
    finally:
        await system.stop()


def _new_system(bench: BenchEnvironment, **options: Any) -> UntracedSystem:
    fields = {"provider_names": ("gate", "post")} | options  # one SMS provider, as in the bare version
    return UntracedSystem(
        StateFolder(bench.folder / uuid7().hex[-12:]), kafka=bench.kafka, postgres=bench.postgres, **fields
    )


async def _endpoint(system: UntracedSystem) -> SyncEndpoint:
    stand_id = uuid7()
    return SyncEndpoint(system.url("intake"), await system.enrol(uuid7(), stand_id), stand_id)
