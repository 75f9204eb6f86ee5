"""A register of files to test against: an SFTP server over a folder, with nights that come when they are told to.

Kept true: what it was told to do it does once for each id, however often an order file comes; its files can be half,
double, missing or hold lines nobody can read, on command. It counts as its HTTP brothers do.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncssh
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connector_kit.files import Look, Lying
from connector_kit.manifest import Files
from connector_kit.sftp import PIECE_BYTES
from connector_kit.simulator import Simulated


class FileKnobs(BaseModel):
    """What happens to the answer file of a night."""

    model_config = ConfigDict(extra="forbid")

    half: bool = Field(default=False, description="Ends in its middle, and is made whole the night after.")
    twice: bool = Field(default=False, description="The same content lies there under two names.")
    missing: bool = Field(default=False, description="None comes; the night after brings both.")
    garbled_rows: int = Field(0, ge=0, description="So many lines more that nobody can read.")
    down: bool = Field(default=False, description="Nobody is let in.")


class FileRegister(Simulated[FileKnobs]):
    """`answer`: (line of an order file) → (id, line of the answer), or None for a heading or trailer.

    `trailer`: (rows) → the last line of an answer file; empty: none.
    """

    def __init__(
        self,
        root: Path,
        files: Files,
        *,
        answer: Callable[[str], tuple[str, str] | None],
        trailer: Callable[[int], str],
        knobs: FileKnobs | None = None,
    ) -> None:
        night = Route("/_simulator/night", self._night_now, methods=["POST"])
        super().__init__([night], knobs=knobs or FileKnobs())
        self.root, self.files = root, files
        self._answer, self._trailer = answer, trailer
        self._answered: set[str] = set()
        self._kept_back: list[str] = []
        for folder in (files.orders.folder, files.answers.folder, files.rejects):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def night(self, day: datetime) -> str | None:
        """Answers all orders that lie there and were not answered; gives the name of the file, if one was laid."""
        rows = [*self._kept_back, *self._rows()]
        self._kept_back = []
        if self.knobs.missing:
            self._kept_back = rows
            return None
        text = [*rows, *(["?;;"] * self.knobs.garbled_rows)]
        trailer = self._trailer(len(text))
        content = "".join(f"{line}\n" for line in [*text, *([trailer] if trailer else [])]).encode(self.files.charset)
        name = f"{day:{self.files.answers.name}}"
        if self.knobs.half:
            content = content[: len(content) // 2]
            self._kept_back = rows
        self._lay(name, content)
        if self.knobs.twice:
            self._lay(f"copy-of-{name}", content)
        return name

    def rejects(self) -> dict[str, str]:
        """What was sent back, by name."""
        folder = self.root / self.files.rejects
        return {one.name: one.read_text(self.files.charset) for one in sorted(folder.glob("*.rejects"))}

    def _rows(self) -> list[str]:
        rows = []
        for file in sorted((self.root / self.files.orders.folder).iterdir()):
            if file.name.endswith(".part"):
                continue
            for line in file.read_text(self.files.charset).splitlines():
                if not (answered := self._answer(line)):
                    continue
                id_, row = answered
                self.seen.calls[id_] += 1
                if id_ not in self._answered:
                    self._answered.add(id_)
                    self.seen.effects[id_] += 1
                    rows.append(row)
            file.unlink()
        return rows

    def _lay(self, name: str, content: bytes) -> None:
        folder = self.root / self.files.answers.folder
        (folder / name).write_bytes(content)
        if self.files.marker:
            (folder / f"{name}{self.files.marker}").touch()

    def told(self) -> dict[str, Any]:
        return {**super().told(), "rejects": sorted(self.rejects())}

    async def _night_now(self, request: Request) -> JSONResponse:
        """{"day": "2026-11-25T03:00:00+01:00"}"""
        day = datetime.fromisoformat((await request.json())["day"])
        return JSONResponse({"laid": self.night(day)})

    def folders(self) -> "LocalFolders":
        return LocalFolders(self)

    @asynccontextmanager
    async def serve(self, host: str, port: int, *, host_key: str, client_key: str) -> AsyncIterator[int]:
        """An SFTP server over the folder; gives the port. `host_key`: private, PEM. `client_key`: public, one line."""
        register = self

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                known = asyncssh.import_public_key(client_key)
                return not register.knobs.down and bool(key.public_data == known.public_data)

        def files(channel: Any) -> asyncssh.SFTPServer:
            return asyncssh.SFTPServer(channel, chroot=os.fsencode(register.root))

        server = await asyncssh.create_server(
            Server,
            host,
            port,
            server_host_keys=[asyncssh.import_private_key(host_key)],
            sftp_factory=files,
            allow_scp=False,
        )
        async with server:
            yield server.get_port()


class LocalFolders:
    """The register's folder without a network, for checks; counts sessions as the server would see them."""

    def __init__(self, register: FileRegister) -> None:
        self._register = register

    async def __aenter__(self) -> "LocalFolders":
        seen = self._register.seen
        seen.together += 1
        seen.most_together = max(seen.most_together, seen.together)
        if self._register.knobs.down:
            seen.together -= 1
            raise ConnectionRefusedError
        return self

    async def __aexit__(self, *_: object) -> None:
        self._register.seen.together -= 1

    async def look(self, folder: str, *, now: datetime) -> Look:
        found = {}
        for file in (self._register.root / folder).iterdir():
            about = file.stat()
            found[file.name] = Lying(file.name, about.st_size, int(about.st_mtime))
        return Look(now, found)

    async def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]:
        content = (self._register.root / path).read_bytes()
        for first in range(begin, len(content), PIECE_BYTES):
            yield content[first : first + PIECE_BYTES]

    async def put(self, path: str, content: bytes) -> None:
        target = self._register.root / path
        begun = target.with_name(target.name + ".part")
        begun.write_bytes(content)
        begun.rename(target)
