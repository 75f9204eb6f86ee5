"""Fixtures: simulated registers on real sockets, and a registry bridge that calls them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from connector_kit.testing.simulator import FaultConfig
from pydantic import SecretStr
from registry_bridge.app import build
from registry_bridge.bridges.parking.simulator import ParkingSimulator
from registry_bridge.settings import RegistryBridgeSettings
from registry_bridge_fixtures import BridgeEnv, Connect, OpenBridgeEnv, bridge_to, connection_settings
from wanderamt_local.state import Secrets
from wanderamt_testing.databases import MakeDatabase
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.simulator_server import ServeSimulator, simulator_servers


@pytest.fixture
def connect() -> Connect:
    return bridge_to


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[ServeSimulator]:
    async with simulator_servers() as serve:
        yield serve


@pytest.fixture
def open_bridge_env(make_database: MakeDatabase) -> OpenBridgeEnv:
    """`async with open_bridge_env({"parking": url}) as bridge_env`, with running jobs."""

    @asynccontextmanager
    async def opened(urls: dict[str, str], **settings: Any) -> AsyncIterator[BridgeEnv]:
        secrets = Secrets.generate()
        service_settings = RegistryBridgeSettings(
            database_url=SecretStr(await make_database("registry_bridge")),
            kafka_bootstrap_servers="nowhere:9092",
            trusted_proxies="none",
            public_addresses=["https://linz.example"],
            token_public_key=secrets.token_public_key,
            encryption_key=SecretStr(secrets.encryption_key),
            assertion_key=SecretStr(secrets.assertion_key),
            session_public_key=secrets.session_public_key,
            bridges={name: settings.get(name) or connection_settings(name, url) for name, url in urls.items()},
            **{name: value for name, value in settings.items() if name not in urls},
        )
        bridge_env = BridgeEnv(build(service_settings), RunKeys(secrets), settings=service_settings)
        await bridge_env.database.start()
        await bridge_env.jobs.start()
        try:
            yield bridge_env
        finally:
            await bridge_env.jobs.stop()
            await bridge_env.lookups.stop()
            await bridge_env.database.stop()

    return opened


@pytest_asyncio.fixture
async def parking_env(
    serve: ServeSimulator, open_bridge_env: OpenBridgeEnv
) -> AsyncIterator[tuple[ParkingSimulator, BridgeEnv]]:
    simulator = ParkingSimulator(faults=FaultConfig(latency_s=0.01))
    async with open_bridge_env({"parking": await serve(simulator)}) as bridge_env:
        yield simulator, bridge_env
