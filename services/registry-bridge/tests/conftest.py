"""Fixtures: simulated registers on real sockets, and a registry bridge that calls them."""

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
from connector_kit.folder import BridgeFolder, RegisterConnection, read_folder
from connector_kit.resilience.rate_limit import maintenance_until
from connector_kit.testing.simulator import HttpSimulator
from pydantic import SecretStr
from registry_bridge.app import build
from registry_bridge.bridges import BRIDGES_FOLDER
from registry_bridge.handlers.requests import on_register_query_requested
from registry_bridge.jobs.interactive_lookups import InteractiveLookups
from registry_bridge.settings import RegisterConnectionSettings, RegistryBridgeSettings
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.contracts import Event, RegisterQueryRequested
from wanderamt.security.assertions import Assertion, AssertionSigner
from wanderamt.security.keys import FieldCipher
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt.shell.service import Service
from wanderamt_local.pytest_plugin import MakeDatabase
from wanderamt_local.state import Secrets, free_port

Serve = Callable[[HttpSimulator[Any]], Coroutine[Any, Any, str]]


def folder_of(name: str) -> BridgeFolder:
    return read_folder(BRIDGES_FOLDER / name)


def bridge_to(name: str, url: str) -> Bridge:
    folder = folder_of(name)
    return folder.bridge(RegisterConnection(url, {name: SecretStr("secret") for name in folder.manifest.secrets}))


@pytest.fixture
def connect() -> Callable[[str, str], Bridge]:
    """`connect("parking", url)` → the bridge as the service builds it."""
    return bridge_to


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(simulator)` → the URL of the register. The end of the test cancels hanging calls."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def start(simulator: HttpSimulator[Any]) -> str:
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


class BridgeEnv:
    """A registry bridge with a real database and registers on real sockets, without Kafka: tests call the event handler.

    `clock_offset`: how far its clock is ahead of the real one; it starts after the maintenance of every register.
    """

    def __init__(self, service: Service, settings: RegistryBridgeSettings, secrets: Secrets) -> None:
        self.service, self.settings, self._secrets = service, settings, secrets
        self.cipher = FieldCipher(
            SecretStr(secrets.encryption_key), assertion_signer=AssertionSigner(SecretStr(secrets.assertion_key))
        )
        self.database = service.context.database
        self.database.environment = Environment(clock=self.now)
        lookups = service.components["lookups"]
        assert isinstance(lookups, InteractiveLookups)
        self.manifests, self.bridges = lookups.manifests, lookups.bridges
        self.inbox = service.components["inbox"]
        now = utc_now()
        ends = (maintenance_until(m.maintenance, zone=m.zone, now=now) for m in self.manifests.values())
        self.clock_offset = max((end - now for end in ends if end), default=timedelta())

    def now(self) -> datetime:
        return utc_now() + self.clock_offset

    def request(
        self, register: str, operation: str, question: dict[str, Any], *, case_id: UUID | None = None, **other: Any
    ) -> RegisterQueryRequested:
        """With a valid assertion, unless `assertion` is passed."""
        purpose = self.manifests[register].operations[operation].purposes[0]
        about = Assertion("clerk@linz", case_id or uuid7(), uuid7(), register, operation, purpose)
        deadline = self.now() + timedelta(days=1)
        assert self.cipher.assertion_signer
        fields = {
            "case_id": about.case_id,
            "request_id": about.request_id,
            "register_name": register,
            "operation": operation,
            "question": self.cipher.seal(about.case_id, json.dumps(question).encode()),
            "purpose": purpose,
            "officer": about.officer,
            "deadline": deadline,
            "assertion": self.cipher.assertion_signer.sign(about, until=deadline),
        }
        return RegisterQueryRequested.model_validate(fields | other)

    async def deliver_events(self, *events: RegisterQueryRequested) -> None:
        async with self.database.unit_of_work() as uow:
            for event in events:
                await on_register_query_requested(event, uow, manifests=self.manifests)

    async def ask(self, register: str, operation: str, question: dict[str, Any], **other: Any) -> UUID:
        event = self.request(register, operation, question, **other)
        await self.deliver_events(event)
        return event.request_id

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        async with self.database.unit_of_work() as uow:
            return [dict(row) for row in await uow.db.fetch(sql, *args)]

    async def row(self, request_id: UUID) -> dict[str, Any]:
        [row] = await self.rows("SELECT * FROM request WHERE request_id = $1", request_id)
        return row

    async def wait_for_state(
        self, request_id: UUID, state: str = "answered", *, timeout_s: float = 30
    ) -> dict[str, Any]:
        async with asyncio.timeout(timeout_s):
            while (row := await self.row(request_id))["state"] != state:
                await asyncio.sleep(0.02)
        return row

    def clerk_client(self, name: str = "clerk@linz") -> httpx.AsyncClient:
        """An HTTP client with a clerk's token."""
        signer = TokenSigner(self._secrets.token_private_key)
        caller = Principal(name, frozenset({Role.CLERK}))
        token = signer.sign(caller, audience="registry-bridge", now=utc_now(), lifetime=timedelta(hours=1))
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service.context.http),
            base_url="http://bridge.test",
            headers={"Authorization": f"Bearer {token}"},
        )

    def environment(self) -> dict[str, str]:
        """Environment variables with which a command works on the same database."""
        connections = {
            name: {
                "url": bridge.url,
                "secrets": {key: value.get_secret_value() for key, value in bridge.secrets.items()},
            }
            for name, bridge in self.settings.bridges.items()
        }
        return {
            "WANDERAMT_DATABASE_URL": self.settings.database_url.get_secret_value(),
            "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "WANDERAMT_TOKEN_PUBLIC_KEY": self.settings.token_public_key,
            "WANDERAMT_ENCRYPTION_KEY": self._secrets.encryption_key,
            "WANDERAMT_ASSERTION_KEY": self._secrets.assertion_key,
            "WANDERAMT_BRIDGES": json.dumps(connections),
        }

    async def published(self, kind: type[Event]) -> list[dict[str, Any]]:
        """Bodies of the events of this kind in the outbox."""
        rows = await self.rows("SELECT value FROM outbox WHERE type = $1 ORDER BY id", kind.TYPE)
        return [json.loads(row["value"]) for row in rows]


@pytest.fixture
def open_bridge_env(make_database: MakeDatabase) -> Callable[..., AbstractAsyncContextManager[BridgeEnv]]:
    """`async with open_bridge_env({"parking": url}) as bridge_env`, with running jobs."""

    @asynccontextmanager
    async def opened(urls: dict[str, str], **settings: Any) -> AsyncIterator[BridgeEnv]:
        secrets = Secrets.generate()
        service_settings = RegistryBridgeSettings(
            database_url=SecretStr(await make_database("registry_bridge")),
            kafka_bootstrap_servers="nowhere:9092",
            token_public_key=secrets.token_public_key,
            encryption_key=SecretStr(secrets.encryption_key),
            assertion_key=SecretStr(secrets.assertion_key),
            bridges={name: settings.get(name) or _connection(name, url) for name, url in urls.items()},
            **{name: value for name, value in settings.items() if name not in urls},
        )
        bridge_env = BridgeEnv(build(service_settings), service_settings, secrets)
        service = bridge_env.service
        await bridge_env.database.start()
        jobs, lookups = service.components["jobs"], service.components["lookups"]
        await jobs.start()
        try:
            yield bridge_env
        finally:
            await jobs.stop()
            await lookups.stop()
            await bridge_env.database.stop()

    return opened


def _connection(name: str, url: str) -> RegisterConnectionSettings:
    secrets = {key: SecretStr("secret") for key in folder_of(name).manifest.secrets}
    return RegisterConnectionSettings(url=url, secrets=secrets)
