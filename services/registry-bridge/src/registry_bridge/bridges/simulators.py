"""The simulators of all registers in one process: those that are called at /NAME, the dog register by SFTP.

Run them: python -m registry_bridge.bridges.simulators --help. GET /NAME/_simulator shows calls, POST there sets faults,
GET /NAME/_simulator/rows shows what the register holds.
"""

import asyncio
import inspect
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import uvicorn
import uvloop
from connector_kit.folder import BridgeFolder
from connector_kit.testing.file_simulator import FileSimulator
from connector_kit.testing.sftp_server import serve_sftp, server_keys
from connector_kit.testing.simulator import Simulator
from starlette.applications import Starlette
from starlette.routing import Mount

from registry_bridge.bridges import bridge_folders


def main(
    port: Annotated[int, typer.Option(help="HTTP port of the registers, and of the faults of all simulators.")],
    sftp_port: Annotated[int | None, typer.Option(help="SFTP port; without it, no register exchanges files.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Folder with host_key and client_key.pub, for SFTP. Default: new keys.")
    ] = None,
    people: Annotated[
        str, typer.Option(help="File with one JSON line per person whom the registers know. Default: everybody.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Every register for which a bridge is shipped."""
    with TemporaryDirectory() as root:
        simulators = [
            open_register(folder, people=people, root=Path(root) / folder.manifest.id)
            for folder in bridge_folders()
            if sftp_port or not folder.uses_files
        ]
        uvloop.run(_serve(dict(simulators), host, port, sftp_port=sftp_port, keys=keys, root=Path(root)))


def open_register(folder: BridgeFolder, *, people: str, root: Path) -> tuple[str, Simulator[Any]]:
    """(its name, its simulator). `root`: for its files, if it exchanges some."""
    own = folder.simulator()
    if own is None:
        raise FileNotFoundError(f"{folder.path}/simulator.py")
    more: dict[str, Any] = {"root": root} if folder.uses_files else {}
    if "people" in inspect.signature(own.open_simulator).parameters:
        more["people"] = people
    simulator: Simulator[Any] = own.open_simulator(folder, faults={}, **more)
    return folder.manifest.id, simulator


def application(simulators: dict[str, Simulator[Any]]) -> Starlette:
    return Starlette(routes=[Mount(f"/{name}", simulator.app) for name, simulator in simulators.items()])


async def _serve(
    simulators: dict[str, Simulator[Any]], host: str, port: int, *, sftp_port: int | None, keys: Path | None, root: Path
) -> None:
    async with AsyncExitStack() as stack:
        for simulator in simulators.values():
            if isinstance(simulator, FileSimulator) and sftp_port:
                host_key, client_key = server_keys(keys, root)
                await stack.enter_async_context(
                    serve_sftp(simulator, host, sftp_port, host_key=host_key, client_key=client_key)
                )
        config = uvicorn.Config(
            application(simulators),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        await asyncio.shield(uvicorn.Server(config).serve())


if __name__ == "__main__":
    typer.run(main)
