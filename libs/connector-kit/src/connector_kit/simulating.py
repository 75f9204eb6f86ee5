"""Runs a bridge's simulator on real sockets."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncssh
import uvicorn

from connector_kit.folder import BridgeFolder
from connector_kit.simulator import HttpRegister, Knobs, ScenarioRegister


def knobs_of(told: list[str]) -> dict[str, Any]:
    """KNOB=VALUE, where a value is JSON or a word. Raises ValueError."""
    knobs = {}
    for one in told:
        name, sign, value = one.partition("=")
        if not sign:
            raise ValueError(f"{one}: write KNOB=VALUE, such as latency_s=5")
        try:
            knobs[name] = json.loads(value)
        except json.JSONDecodeError:
            knobs[name] = value
    return knobs


def open_register(folder: BridgeFolder, knobs: dict[str, Any], *, seed: int) -> HttpRegister[Any]:
    """The folder's own simulator, or one made of its scenarios. Settings of its own come with the knobs."""
    own = folder.simulator()
    if own is None:
        return ScenarioRegister(folder, knobs=Knobs.model_validate(knobs), seed=seed)
    more = {name: knobs.pop(name) for name in ("people",) if name in knobs}
    made: HttpRegister[Any] = own.open_simulator(folder, knobs=knobs, seed=seed, **more)
    return made


async def serve(
    folder: BridgeFolder,
    host: str,
    port: int,
    *,
    sftp_port: int,
    keys: Path | None,
    knobs: dict[str, Any],
    seed: int,
    say: Callable[[str], object],
) -> None:
    """Until it is stopped."""
    if not folder.batch:
        register = open_register(folder, dict(knobs), seed=seed)
        say(f"{folder.manifest.id} answers at http://{host}:{port}{register.base_path}, its knobs are at /_simulator")
        await _http(register.app, host, port)
        return
    with TemporaryDirectory() as root:
        own = folder.simulator()
        assert own  # noqa: S101 -- a bridge of files has one, verify says so
        files = own.open_simulator(folder, Path(root), knobs=dict(knobs))
        host_key, client_key = _keys(keys, Path(root))
        async with files.serve(host, sftp_port, host_key=host_key, client_key=client_key):
            knobs_at = f"http://{host}:{port}/_simulator"
            say(f"{folder.manifest.id} answers at sftp://city@{host}:{sftp_port}, its knobs are at {knobs_at}")
            await _http(files.app, host, port)


def _keys(folder: Path | None, root: Path) -> tuple[str, str]:
    """(the server's private key, our public one). Without a folder they are made, and ours is told."""
    if folder:
        return (folder / "host_key").read_text("utf-8"), (folder / "client_key.pub").read_text("utf-8")
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    mine = root.parent / f"{root.name}-client_key"
    mine.touch(mode=0o600)
    mine.write_bytes(client_key.export_private_key())
    return host_key.export_private_key().decode(), client_key.export_public_key().decode()


async def _http(app: Any, host: str, port: int) -> None:
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1
    )
    await asyncio.shield(uvicorn.Server(config).serve())
