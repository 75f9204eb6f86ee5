"""A bridge to a register that exchanges files: it uploads orders once per day and reads answers at night.

Invariants: the register sees an order file complete or not at all, and a repeated upload has the same content; an
answer file is read only when complete, once by its content, and from the line after the checkpoint; unreadable lines
go back as line number and code, never as text.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from connector_kit.adapter import AnswerRow, BatchAdapter, CallContext, IgnoredLine, ParsedLine, Trailer, UnreadableLine
from connector_kit.call_outcome import AuthFailed, TemporarilyUnavailable, to_code
from connector_kit.call_telemetry import observe_call
from connector_kit.files.file_exchange import FileChunk, TransferFailure, Uploaded
from connector_kit.files.remote_files import FileLine, FileTransferError, FolderListing, LineDecoder, RemoteFile
from connector_kit.manifest.file_transfer import FileTransfer
from connector_kit.manifest.manifest import Manifest, file_transfer_of

T = TypeVar("T")
ROWS_PER_CHUNK = 2_000
MAX_FILE_BYTES = 256 * 1024 * 1024
AUTH_ERRORS = frozenset({"PermissionDenied", "HostKeyNotVerifiable", "KeyExchangeFailed"})


class RemoteFolders(Protocol):
    """The register's folders: an SFTP session, or a local folder in checks."""

    async def list_files(self, folder: str, *, now: datetime) -> FolderListing: ...

    def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]: ...

    async def upload(self, path: str, content: bytes) -> None: ...


OpenSession = Callable[[], AbstractAsyncContextManager[RemoteFolders]]


@dataclass(frozen=True, slots=True)
class OutgoingRow:
    """An order that becomes a line. `question`: JSON of the operation's model."""

    operation: str
    question: bytes
    context: CallContext


@dataclass(frozen=True, slots=True)
class FileBridge:
    """`open_session`: opens a session to the register, for one step."""

    manifest: Manifest
    adapter: BatchAdapter
    open_session: OpenSession
    models: Mapping[str, type[BaseModel]]
    rows_per_chunk: int = ROWS_PER_CHUNK

    @property
    def files(self) -> FileTransfer:
        return file_transfer_of(self.manifest)

    async def upload(self, name: str, orders: Sequence[OutgoingRow]) -> Uploaded | TransferFailure:
        """Uploads an order file. The same orders under the same name give the same bytes."""
        lines, refused = self._lines(orders)
        content = "".join(f"{line}\n" for line in lines).encode(self.files.charset)

        async def put(folders: RemoteFolders) -> Uploaded:
            await folders.upload(f"{self.files.orders.folder}/{name}", content)
            return Uploaded(len(orders) - len(refused), refused)

        return await self._step("upload", put)

    def accepts(self, operation: str, question: bytes, context: CallContext) -> bool:
        """Whether this question (JSON) fits its model. Sends nothing."""
        _, refused = self._lines([OutgoingRow(operation, question, context)])
        return "question_invalid" not in refused.values()

    async def list_files(self, *, now: datetime) -> FolderListing | TransferFailure:
        return await self._step("list", lambda folders: folders.list_files(self.files.answers.folder, now=now))

    async def read_chunk(self, file: RemoteFile, *, ends_at: int = 0, line: int = 0) -> FileChunk | TransferFailure:
        """The next lines of an answer file, at most `rows_per_chunk`."""
        path = f"{self.files.answers.folder}/{file.name}"

        async def read(folders: RemoteFolders) -> FileChunk:
            if ends_at:
                return await self._read_from(folders, path, ends_at, line)
            sha256, is_complete = await self._inspect(folders, path)
            if not is_complete:
                return FileChunk(incomplete=True)
            return replace(await self._read_from(folders, path, 0, 0), sha256=sha256)

        return await self._step("read", read)

    async def return_rejects(self, name: str, rejects: Sequence[tuple[int, str]]) -> Uploaded | TransferFailure:
        """Reports the lines of an answer file that we could not read."""
        content = "".join(f"{number};{code}\n" for number, code in rejects).encode(self.files.charset)

        async def put(folders: RemoteFolders) -> Uploaded:
            await folders.upload(f"{self.files.rejects}/{name}.rejects", content)
            return Uploaded(len(rejects))

        return await self._step("return rejects", put)

    async def _step(self, name: str, action: Callable[[RemoteFolders], Awaitable[T]]) -> T | TransferFailure:
        """Runs one step in a session of its own, within the longest timeout of any operation."""
        timeout_s = self.manifest.longest_timeout_s
        with observe_call(self.manifest.id, name) as observed:
            try:
                async with asyncio.timeout(timeout_s), self.open_session() as folders:
                    done = await action(folders)
            except (FileTransferError, OSError, TimeoutError, ValueError) as error:
                failure = transfer_failure_of(error)
                observed.outcome = type(failure).__name__
                return failure
            observed.outcome = "Succeeded"
            return done

    def _lines(self, orders: Sequence[OutgoingRow]) -> tuple[list[str], dict[UUID, str]]:
        lines, refused = [], {}
        for order in orders:
            try:
                line = self._line(order)
                line.encode(self.files.charset)
                lines.append(line)
            except ValidationError:
                refused[order.context.call_id] = "question_invalid"
            except UnicodeEncodeError:
                refused[order.context.call_id] = "sign_not_in_charset"
            except Exception as error:  # an adapter is third-party code: its failure must stay its own
                refused[order.context.call_id] = to_code(f"encode_{type(error).__name__}")
        trailer = self.adapter.encode_trailer(len(lines))
        return lines + ([trailer] if trailer else []), refused

    def _line(self, order: OutgoingRow) -> str:
        model = self.models[self.manifest.operations[order.operation].question]
        line = self.adapter.encode_row(order.operation, model.model_validate_json(order.question), order.context)
        if "\n" in line or "\r" in line:
            raise ValueError("a row must not contain a line end")
        return line

    async def _inspect(self, folders: RemoteFolders, path: str) -> tuple[str, bool]:
        """The content's hash, and whether the file is complete."""
        digest, lines, rows, expected_rows = hashlib.sha256(), LineDecoder(self.files.charset), 0, None
        async for piece in folders.read(path):
            digest.update(piece)
            for line in lines.feed(piece):
                rows, expected_rows = self._count(line, rows, expected_rows)
            if lines.ends_at > MAX_FILE_BYTES:
                raise ValueError("too_long")
        for line in lines.flush():
            rows, expected_rows = self._count(line, rows, expected_rows)
        return digest.hexdigest(), expected_rows == rows if self.files.trailer else True

    def _count(self, line: FileLine, rows: int, expected_rows: int | None) -> tuple[int, int | None]:
        match self._read_line(line):
            case Trailer(row_count):
                return rows, row_count
            case IgnoredLine():
                return rows, expected_rows
        return rows + 1, expected_rows

    async def _read_from(self, folders: RemoteFolders, path: str, ends_at: int, number: int) -> FileChunk:
        lines = LineDecoder(self.files.charset, ends_at=ends_at, number=number)
        rows: list[AnswerRow] = []
        rejects: list[tuple[int, str]] = []
        async for piece in folders.read(path, begin=ends_at):
            for line in lines.feed(piece):
                self._collect(line, rows, rejects)
                if len(rows) + len(rejects) >= self.rows_per_chunk:
                    return FileChunk(tuple(rows), tuple(rejects), line.ends_at, line.number)
        for line in lines.flush():
            self._collect(line, rows, rejects)
        return FileChunk(tuple(rows), tuple(rejects), lines.ends_at, lines.number, at_end=True)

    def _collect(self, line: FileLine, rows: list[AnswerRow], rejects: list[tuple[int, str]]) -> None:
        match self._read_line(line):
            case AnswerRow() as row:
                rows.append(row)
            case UnreadableLine(code):
                rejects.append((line.number, code))

    def _read_line(self, line: FileLine) -> ParsedLine:
        if line.text is None:
            return UnreadableLine("charset")
        try:
            return self.adapter.read_row(line.text)
        except Exception as error:  # as above
            return UnreadableLine(to_code(f"read_{type(error).__name__}"))


def transfer_failure_of(error: Exception) -> TransferFailure:
    """By the class of the error only: its text may name a person's file."""
    name = str(error) if isinstance(error, FileTransferError) else type(error).__name__
    return AuthFailed(to_code(name)) if name in AUTH_ERRORS else TemporarilyUnavailable(to_code(name))
