"""SFTP sessions to a register: one session per run, the server verified by its host key, files read in chunks.

Invariants: an upload appears under its name only when it is complete; every step has a timeout; we never talk to a
server with an unknown host key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from connector_kit.files.remote_files import CHUNK_BYTES, FileTransferError, FolderListing, RemoteFile
from connector_kit.manifest.manifest import Manifest

try:
    import asyncssh
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[sftp]") from error

MAX_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class SftpTarget:
    """`known_host`: the server's key as a known_hosts line without host names. `key`: our private key, PEM."""

    host: str
    port: int
    user: str
    key: SecretStr
    known_host: str


class SftpSession:
    def __init__(self, client: Any, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    async def list_files(self, folder: str, *, now: datetime) -> FolderListing:
        """At most 10,000 files; sub-folders and names with a slash are left out."""
        files = {}
        async with asyncio.timeout(self._timeout_s):
            async for entry in self._client.scandir(folder):
                name, attributes = str(entry.filename), entry.attrs
                if attributes.type == asyncssh.FILEXFER_TYPE_REGULAR and "/" not in name:
                    files[name] = RemoteFile(name, attributes.size or 0, attributes.mtime or 0)
                if len(files) >= MAX_FILES:
                    break
        return FolderListing(now, files)

    async def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]:
        """Chunks from byte `begin` on, so that nothing stored before a crash is fetched again."""
        async with asyncio.timeout(self._timeout_s):
            file = await self._client.open(path, "rb")
        try:
            while True:
                async with asyncio.timeout(self._timeout_s):
                    chunk = await file.read(CHUNK_BYTES, begin)
                if not chunk:
                    return
                begin += len(chunk)
                yield chunk
        finally:
            async with asyncio.timeout(self._timeout_s):
                await file.close()

    async def upload(self, path: str, content: bytes) -> None:
        """Writes under a temporary name and renames: readers see the complete file or none."""
        temporary = f"{path}.part"
        async with asyncio.timeout(self._timeout_s):
            async with self._client.open(temporary, "wb") as file:
                await file.write(content)
            await self._client.posix_rename(temporary, path)


@asynccontextmanager
async def open_session(target: SftpTarget, manifest: Manifest, *, timeout_s: float) -> AsyncIterator[SftpSession]:
    """Raises FileTransferError if the server is unreachable or unknown, rejects us, or a step fails."""
    known = asyncssh.import_known_hosts(f"* {target.known_host}\n")
    try:
        connection = await asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            client_keys=[asyncssh.import_private_key(target.key.get_secret_value())],
            known_hosts=known,
            connect_timeout=manifest.connect_timeout_s,
            login_timeout=manifest.connect_timeout_s,
            agent_path=None,
            config=None,
        )
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise FileTransferError(type(error).__name__) from error
    try:
        async with connection, connection.start_sftp_client() as client:
            yield SftpSession(client, timeout_s=timeout_s)
    except asyncssh.Error as error:
        raise FileTransferError(type(error).__name__) from error
