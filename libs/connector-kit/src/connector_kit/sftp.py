"""SFTP to a register: one session a run, the server known by its key, files read in pieces and laid down as a whole.

Kept true: an upload is seen under its name only when it is complete; every step has a timeout; a server whose key is
not the known one is not talked to.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncssh
from pydantic import SecretStr

from connector_kit.files import Look, Lying
from connector_kit.manifest import Manifest

PIECE_BYTES: Final = 256 * 1024
MAX_FILES: Final = 10_000
TROUBLE = (asyncssh.Error, OSError, TimeoutError)


class NoSession(Exception):
    """The server cannot be reached, is not the one we know, or does not let us in. Says which."""


@dataclass(frozen=True, slots=True)
class Door:
    """`known_host`: the line of its key as in known_hosts, without the names. `key`: our private key in PEM."""

    host: str
    port: int
    user: str
    key: SecretStr
    known_host: str


class Session:
    def __init__(self, client: Any, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def look(self, folder: str, *, now: datetime) -> Look:
        """At most 10,000 files; folders and names with a slash are left out."""
        files = {}
        async with asyncio.timeout(self._timeout_s):
            async for entry in self._client.scandir(folder):
                name, about = str(entry.filename), entry.attrs
                if about.type == asyncssh.FILEXFER_TYPE_REGULAR and "/" not in name:
                    files[name] = Lying(name, about.size or 0, about.mtime or 0)
                if len(files) >= MAX_FILES:
                    break
        return Look(now, files)

    async def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]:
        """From a byte on, in pieces: what was kept before a crash is not fetched again."""
        async with asyncio.timeout(self._timeout_s):
            file = await self._client.open(path, "rb")
        try:
            while True:
                async with asyncio.timeout(self._timeout_s):
                    piece = await file.read(PIECE_BYTES, begin)
                if not piece:
                    return
                begin += len(piece)
                yield piece
        finally:
            async with asyncio.timeout(self._timeout_s):
                await file.close()

    async def put(self, path: str, content: bytes) -> None:
        """Under another name first: whoever looks there sees all of it or nothing."""
        begun = f"{path}.part"
        async with asyncio.timeout(self._timeout_s):
            async with self._client.open(begun, "wb") as file:
                await file.write(content)
            await self._client.posix_rename(begun, path)


@asynccontextmanager
async def open_session(door: Door, manifest: Manifest, *, timeout_s: float) -> AsyncIterator[Session]:
    """Raises NoSession."""
    known = asyncssh.import_known_hosts(f"* {door.known_host}\n")
    try:
        connection = await asyncssh.connect(
            door.host,
            door.port,
            username=door.user,
            client_keys=[asyncssh.import_private_key(door.key.get_secret_value())],
            known_hosts=known,
            connect_timeout=manifest.connect_timeout_s,
            login_timeout=manifest.connect_timeout_s,
            agent_path=None,
            config=None,
        )
    except TROUBLE as error:
        raise NoSession(type(error).__name__) from error
    async with connection, connection.start_sftp_client() as client:
        yield Session(client, timeout_s=timeout_s)
