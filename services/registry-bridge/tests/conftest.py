"""Registers on real sockets, and bridges to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import uvicorn
from connector_kit.bridge import Bridge
from connector_kit.folder import BridgeFolder, Connection, read_folder
from connector_kit.pacing import closed_until
from connector_kit.simulator import HttpRegister
from pydantic import SecretStr
from registry_bridge.app import build
from registry_bridge.bridges import HERE
from registry_bridge.handlers.requests import on_register_requested
from registry_bridge.jobs.counter import Counter
from registry_bridge.settings import BridgeSettings, Settings
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import Sources, utc_now
from wanderamt.contracts import Event, RegisterRequested
from wanderamt.security.assertions import Assertion, Voucher
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner
from wanderamt.shell.service import Service
from wanderamt_local.state import Secrets, free_port

Serve = Callable[[HttpRegister[Any]], Coroutine[Any, Any, str]]


def folder_of(name: str) -> BridgeFolder:
    return read_folder(HERE / name)


def bridge_to(name: str, url: str) -> Bridge:
    folder = folder_of(name)
    return folder.bridge(Connection(url, {one: SecretStr("secret") for one in folder.manifest.secrets}))


@pytest.fixture
def connect() -> Callable[[str, str], Bridge]:
    """`connect("parking", url)` → the bridge as the service builds it."""
    return bridge_to


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(simulator)` → the URL of the register. Calls that hang when the test ends are cut."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def start(simulator: HttpRegister[Any]) -> str:
        port = free_port()
        config = uvicorn.Config(
            simulator.app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        servers.append((server, asyncio.create_task(server.serve())))
        while not server.started:
            await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{port}{simulator.base_path}"

    yield start
    for server, task in servers:
        server.should_exit = True
        await task


class House:
    """A registry bridge with a real database and registers on real sockets, without Kafka: events go in by its handler.

    `ahead`: how far its clock runs ahead of ours; from the beginning when one of the registers is closed just now.
    """

    def __init__(self, service: Service, secrets: Secrets) -> None:
        self.service, self._secrets = service, secrets
        self.sealer = Sealer(SecretStr(secrets.sealing_key), voucher=Voucher(SecretStr(secrets.assertion_key)))
        self.database = service.ground.database
        self.database.sources = Sources(clock=self.now)
        counter = service.parts["counter"]
        assert isinstance(counter, Counter)
        self.manifests, self.bridges = counter.manifests, counter.bridges
        self.inbox = service.parts["inbox"]
        now = utc_now()
        closed = (closed_until(one.maintenance, zone=one.zone, now=now) for one in self.manifests.values())
        self.ahead = max((until - now for until in closed if until), default=timedelta())

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def request(
        self, register: str, operation: str, question: dict[str, Any], *, case_id: UUID | None = None, **other: Any
    ) -> RegisterRequested:
        """Signed as intake signs, unless `assertion` says otherwise."""
        purpose = self.manifests[register].operations[operation].purposes[0]
        about = Assertion("clerk@linz", case_id or uuid7(), uuid7(), register, operation, purpose)
        deadline = self.now() + timedelta(days=1)
        assert self.sealer.voucher
        told = {
            "case_id": about.case_id,
            "request_id": about.request_id,
            "register_name": register,
            "operation": operation,
            "question": self.sealer.seal(about.case_id, json.dumps(question).encode()),
            "purpose": purpose,
            "officer": about.officer,
            "deadline": deadline,
            "assertion": self.sealer.voucher.sign(about, until=deadline),
        }
        return RegisterRequested.model_validate(told | other)

    async def take(self, *events: RegisterRequested) -> None:
        async with self.database.work() as work:
            for event in events:
                await on_register_requested(event, work, manifests=self.manifests)

    async def ask(self, register: str, operation: str, question: dict[str, Any], **other: Any) -> UUID:
        event = self.request(register, operation, question, **other)
        await self.take(event)
        return event.request_id

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.work() as work:
            return [dict(row) for row in await work.db.fetch(sql, *args)]

    async def row(self, request_id: UUID) -> dict[str, Any]:
        [row] = await self.rows("SELECT * FROM request WHERE request_id = $1", request_id)
        return row

    async def until(self, request_id: UUID, state: str = "answered", *, timeout_s: float = 30) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while (row := await self.row(request_id))["state"] != state:
                await asyncio.sleep(0.02)
        return row

    def officer(self, name: str = "clerk@linz") -> httpx.AsyncClient:
        """At the service's door, with a clerk's token."""
        signer = TokenSigner(self._secrets.token_private_key)
        caller = Caller(name, frozenset({Role.CLERK}))
        token = signer.sign(caller, audience="registry-bridge", now=utc_now(), lifetime=timedelta(hours=1))
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service.ground.http),
            base_url="http://bridge.test",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def told(self, kind: type[Event]) -> list[dict[str, Any]]:
        """Bodies of the events of this kind that stand in the outbox."""
        rows = await self.rows("SELECT value FROM outbox WHERE type = $1 ORDER BY id", kind.TYPE)
        return [json.loads(row["value"]) for row in rows]


@pytest.fixture
def open_house(make_database: Any) -> Callable[..., AbstractAsyncContextManager[House]]:
    """`async with open_house({"parking": url}) as house`: its jobs run."""

    @asynccontextmanager
    async def opened(urls: dict[str, str], **settings: Any) -> AsyncIterator[House]:
        secrets = Secrets.make()
        service = build(
            Settings(
                database_url=SecretStr(await make_database("registry_bridge")),
                kafka_bootstrap_servers="nowhere:9092",
                token_public_key=secrets.token_public_key,
                sealing_key=SecretStr(secrets.sealing_key),
                assertion_key=SecretStr(secrets.assertion_key),
                bridges={name: settings.get(name) or _connected(name, url) for name, url in urls.items()},
                **{name: value for name, value in settings.items() if name not in urls},
            )
        )
        house = House(service, secrets)
        await house.database.start()
        jobs, counter = service.parts["jobs"], service.parts["counter"]
        await jobs.start()
        try:
            yield house
        finally:
            await jobs.stop()
            await counter.stop()
            await house.database.stop()

    return opened


def _connected(name: str, url: str) -> BridgeSettings:
    secrets = {one: SecretStr("secret") for one in folder_of(name).manifest.secrets}
    return BridgeSettings(url=url, secrets=secrets)
