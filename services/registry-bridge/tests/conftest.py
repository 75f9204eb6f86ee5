"""Registers on real sockets, and bridges to them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from bridge_kit.bridge import Bridge
from bridge_kit.folder import BridgeFolder, Connection, read_folder
from bridge_kit.simulator import HttpRegister
from pydantic import SecretStr
from registry_bridge.bridges import HERE
from wanderamt_local.state import free_port

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
