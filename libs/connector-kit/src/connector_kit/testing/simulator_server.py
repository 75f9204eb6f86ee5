"""Runs a bridge's simulator on real sockets."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.simulator import FaultConfig, HttpSimulator, ScenarioSimulator

try:
    import uvicorn
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[server]") from error


def parse_faults(options: list[str]) -> dict[str, Any]:
    """NAME=VALUE, where a value is JSON or a word. Raises ValueError."""
    faults = {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign:
            raise ValueError(f"{option}: write NAME=VALUE, such as latency_s=5")
        try:
            faults[name] = json.loads(value)
        except json.JSONDecodeError:
            faults[name] = value
    return faults


def open_simulator(folder: BridgeFolder, faults: dict[str, Any], *, seed: int) -> HttpSimulator[Any]:
    """The folder's own simulator, or one simulator from its scenarios. The simulator's own settings come with the
    faults."""
    own = folder.simulator()
    if own is None:
        return ScenarioSimulator(folder, faults=FaultConfig.model_validate(faults), seed=seed)
    more = {name: faults.pop(name) for name in ("people",) if name in faults}
    simulator: HttpSimulator[Any] = own.open_simulator(folder, faults=faults, seed=seed, **more)
    return simulator


async def serve(
    folder: BridgeFolder,
    host: str,
    port: int,
    *,
    sftp_port: int,
    keys: Path | None,
    faults: dict[str, Any],
    seed: int,
    say: Callable[[str], object],
) -> None:
    """Runs until it is stopped."""
    if not folder.uses_files:
        simulator = open_simulator(folder, dict(faults), seed=seed)
        say(f"{folder.manifest.id} runs at http://{host}:{port}{simulator.base_path}; change its faults at /_simulator")
        await _http(simulator.app, host, port)
        return
    from connector_kit.testing.sftp_server import serve_sftp, server_keys  # noqa: PLC0415 -- extra sftp

    with TemporaryDirectory() as root:
        own = folder.simulator()
        assert own  # noqa: S101 -- a file bridge has one, see verify
        files = own.open_simulator(folder, Path(root), faults=dict(faults))
        host_key, client_key = server_keys(keys, Path(root))
        async with serve_sftp(files, host, sftp_port, host_key=host_key, client_key=client_key):
            faults_at = f"http://{host}:{port}/_simulator"
            say(f"{folder.manifest.id} runs at sftp://city@{host}:{sftp_port}; change its faults at {faults_at}")
            await _http(files.app, host, port)


async def _http(app: Any, host: str, port: int) -> None:
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    await asyncio.shield(uvicorn.Server(config).serve())
