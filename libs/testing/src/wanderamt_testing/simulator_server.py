"""Simulated registers and providers on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import uvicorn
from connector_kit.testing.simulator import FaultConfig, HttpSimulator
from wanderamt_local.state import free_port

F = TypeVar("F", bound=FaultConfig)
ServeSimulator = Callable[[HttpSimulator[Any]], Awaitable[str]]
"""`await serve(simulator)` → its URL, until the end of the test."""


@asynccontextmanager
async def serve_simulator(simulator: HttpSimulator[F]) -> AsyncIterator[str]:
    """Yields the URL of the simulator. The end cancels calls that hang."""
    port = free_port()
    config = uvicorn.Config(
        simulator.app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}{simulator.base_path}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def simulator_servers() -> AsyncIterator[ServeSimulator]:
    """Yields the function that starts simulators; the end stops all of them."""
    async with AsyncExitStack() as stack:

        async def serve(simulator: HttpSimulator[F]) -> str:
            return await stack.enter_async_context(serve_simulator(simulator))

        yield serve
