"""Serves the folder of a simulated register over SFTP, on a real socket."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from connector_kit.testing.file_simulator import FileSimulator

try:
    import asyncssh
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[sftp]") from error


@asynccontextmanager
async def serve_sftp(
    simulator: FileSimulator, host: str, port: int, *, host_key: str, client_key: str
) -> AsyncIterator[int]:
    """Yields the port. `host_key`: the server's private key, PEM. `client_key`: the client's public key, one line."""

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            known = asyncssh.import_public_key(client_key)
            return not simulator.faults.down and bool(key.public_data == known.public_data)

    def open_folder(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=os.fsencode(simulator.root))

    server = await asyncssh.create_server(
        Server,
        host,
        port,
        server_host_keys=[asyncssh.import_private_key(host_key)],
        sftp_factory=open_folder,
        allow_scp=False,
    )
    async with server:
        yield server.get_port()


def server_keys(folder: Path | None, root: Path) -> tuple[str, str]:
    """(the server's private key, the client's public key). Without a folder, new keys are generated and the client's
    private key is written beside `root`."""
    if folder:
        return (folder / "host_key").read_text("utf-8"), (folder / "client_key.pub").read_text("utf-8")
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    private = root.parent / f"{root.name}-client_key"
    private.touch(mode=0o600)
    private.write_bytes(client_key.export_private_key())
    return host_key.export_private_key().decode(), client_key.export_public_key().decode()
