"""A simulated register that exchanges files: folders, and nights that a command starts. `sftp_server` serves them by
SFTP.

Invariants: each order is executed once per id, however often its file arrives; answer files can be incomplete,
duplicated, missing, or contain unreadable lines, on command. It counts as the HTTP simulators do.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connector_kit.files.remote_files import CHUNK_BYTES, FolderListing, RemoteFile
from connector_kit.manifest.file_transfer import FileTransfer
from connector_kit.testing.simulator import Simulator


class FileFaults(BaseModel):
    """What happens to the answer file of a night."""

    model_config = ConfigDict(extra="forbid")

    truncated: bool = Field(default=False, description="Cut off in its middle; completed the next night.")
    duplicated: bool = Field(default=False, description="The same content under two names.")
    missing: bool = Field(default=False, description="No file; the next night brings both.")
    garbled_rows: int = Field(0, ge=0, description="Number of additional unreadable lines.")
    down: bool = Field(default=False, description="Rejects all logins.")


class FileSimulator(Simulator[FileFaults]):
    """`answer`: (line of an order file) → (id, line of the answer), or None for a header or trailer.

    `trailer`: (rows) → the last line of an answer file; empty: none.
    """

    def __init__(
        self,
        root: Path,
        files: FileTransfer,
        *,
        answer: Callable[[str], tuple[str, str] | None],
        trailer: Callable[[int], str],
        faults: FileFaults | None = None,
    ) -> None:
        night = Route("/_simulator/night", self._night_now, methods=["POST"])
        super().__init__([night], faults=faults or FileFaults())
        self.root, self.files = root, files
        self._answer, self._trailer = answer, trailer
        self._answered: set[str] = set()
        self._held_back: list[str] = []
        for folder in (files.orders.folder, files.answers.folder, files.rejects):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def night(self, day: datetime) -> str | None:
        """Answers all new orders; returns the name of the answer file, if one was written."""
        rows = [*self._held_back, *self._rows()]
        self._held_back = []
        if self.faults.missing:
            self._held_back = rows
            return None
        text = [*rows, *(["?;;"] * self.faults.garbled_rows)]
        trailer = self._trailer(len(text))
        content = "".join(f"{line}\n" for line in [*text, *([trailer] if trailer else [])]).encode(self.files.charset)
        name = f"{day:{self.files.answers.name}}"
        if self.faults.truncated:
            content = content[: len(content) // 2]
            self._held_back = rows
        self._write(name, content)
        if self.faults.duplicated:
            self._write(f"copy-of-{name}", content)
        return name

    def rejects(self) -> dict[str, str]:
        """Rejects that we returned, by file name."""
        folder = self.root / self.files.rejects
        return {file.name: file.read_text(self.files.charset) for file in sorted(folder.glob("*.rejects"))}

    def order_files(self) -> list[str]:
        """The names of order files that have arrived and wait for the night."""
        folder = self.root / self.files.orders.folder
        return sorted(file.name for file in folder.iterdir() if not file.name.endswith(".part"))

    def _rows(self) -> list[str]:
        rows = []
        for name in self.order_files():
            file = self.root / self.files.orders.folder / name
            for line in file.read_text(self.files.charset).splitlines():
                if not (answered := self._answer(line)):
                    continue
                id_, row = answered
                self.call_log.calls[id_] += 1
                if id_ not in self._answered:
                    self._answered.add(id_)
                    self.call_log.effects[id_] += 1
                    rows.append(row)
            file.unlink()
        return rows

    def _write(self, name: str, content: bytes) -> None:
        folder = self.root / self.files.answers.folder
        (folder / name).write_bytes(content)
        if self.files.marker:
            (folder / f"{name}{self.files.marker}").touch()

    def report(self) -> dict[str, Any]:
        return {**super().report(), "orders": self.order_files(), "rejects": sorted(self.rejects())}

    async def _night_now(self, request: Request) -> JSONResponse:
        """{"day": "2026-11-25T03:00:00+01:00"}"""
        day = datetime.fromisoformat((await request.json())["day"])
        return JSONResponse({"file": self.night(day)})

    def folders(self) -> "LocalFolders":
        return LocalFolders(self)


class LocalFolders:
    """The register's folders without a network, for checks; counts sessions as the server would."""

    def __init__(self, register: FileSimulator) -> None:
        self._register = register

    async def __aenter__(self) -> "LocalFolders":
        log = self._register.call_log
        log.concurrent += 1
        log.max_concurrent = max(log.max_concurrent, log.concurrent)
        if self._register.faults.down:
            log.concurrent -= 1
            raise ConnectionRefusedError
        return self

    async def __aexit__(self, *_: object) -> None:
        self._register.call_log.concurrent -= 1

    async def list_files(self, folder: str, *, now: datetime) -> FolderListing:
        files = {}
        for file in (self._register.root / folder).iterdir():
            info = file.stat()
            files[file.name] = RemoteFile(file.name, info.st_size, int(info.st_mtime))
        return FolderListing(now, files)

    async def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]:
        content = (self._register.root / path).read_bytes()
        for first in range(begin, len(content), CHUNK_BYTES):
            yield content[first : first + CHUNK_BYTES]

    async def upload(self, path: str, content: bytes) -> None:
        target = self._register.root / path
        temporary = target.with_name(target.name + ".part")
        temporary.write_bytes(content)
        temporary.rename(target)
