"""A register that is told and answers in files: orders go out once a day, answers come by night.

Kept true: an order file is seen there whole or not at all, and put again under its name holds the same lines; an answer
file is read only when it is whole, once by its content, and further from the line after the last that was kept; what
cannot be read of it goes back by its line number and a word, never by its text.
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

from connector_kit.adapter import BatchAdapter, Heading, NoRow, Read, Row, Stamp, Trailer
from connector_kit.exchange import Laid, Portion, Trouble
from connector_kit.files import Line, Lines, Look, Lying
from connector_kit.manifest import Files, Manifest, files_of
from connector_kit.seen_calls import seen_call
from connector_kit.sftp import TROUBLE, NoSession
from connector_kit.verdict import AuthFailed, RetryLater, code_of

T = TypeVar("T")
ROWS_AT_ONCE = 2_000
MAX_FILE_BYTES = 256 * 1024 * 1024
NOT_LET_IN = frozenset({"PermissionDenied", "HostKeyNotVerifiable", "KeyExchangeFailed"})


class Folders(Protocol):
    """What lies at the register: an SFTP session, or a folder of this machine in checks."""

    async def look(self, folder: str, *, now: datetime) -> Look: ...

    def read(self, path: str, *, begin: int = 0) -> AsyncIterator[bytes]: ...

    async def put(self, path: str, content: bytes) -> None: ...


Open = Callable[[], AbstractAsyncContextManager[Folders]]


@dataclass(frozen=True, slots=True)
class Order:
    """A line to be. `question`: JSON of the operation's model."""

    operation: str
    question: bytes
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class FileBridge:
    """`open`: a session to the register, for one step."""

    manifest: Manifest
    adapter: BatchAdapter
    open: Open
    models: Mapping[str, type[BaseModel]]
    rows_at_once: int = ROWS_AT_ONCE

    @property
    def files(self) -> Files:
        return files_of(self.manifest)

    async def lay(self, name: str, orders: Sequence[Order]) -> Laid | Trouble:
        """Puts an order file. The same orders under the same name give the same bytes."""
        lines, refused = self._lines(orders)
        content = "".join(f"{line}\n" for line in lines).encode(self.files.charset)

        async def lay(there: Folders) -> Laid:
            await there.put(f"{self.files.orders.folder}/{name}", content)
            return Laid(len(orders) - len(refused), refused)

        return await self._step("lay", lay)

    async def look(self, *, now: datetime) -> Look | Trouble:
        return await self._step("look", lambda there: there.look(self.files.answers.folder, now=now))

    async def read(self, lying: Lying, *, ends_at: int = 0, line: int = 0) -> Portion | Trouble:
        """The next lines of an answer file, at most `rows_at_once`."""
        path = f"{self.files.answers.folder}/{lying.name}"

        async def read(there: Folders) -> Portion:
            if ends_at:
                return await self._portion(there, path, ends_at, line)
            sha256, is_whole = await self._survey(there, path)
            if not is_whole:
                return Portion(half=True)
            return replace(await self._portion(there, path, 0, 0), sha256=sha256)

        return await self._step("read", read)

    async def send_back(self, name: str, rejects: Sequence[tuple[int, str]]) -> Laid | Trouble:
        """Tells the register which lines of its file we could not read."""
        content = "".join(f"{number};{code}\n" for number, code in rejects).encode(self.files.charset)

        async def put(there: Folders) -> Laid:
            await there.put(f"{self.files.rejects}/{name}.rejects", content)
            return Laid(len(rejects))

        return await self._step("send back", put)

    async def _step(self, what: str, do: Callable[[Folders], Awaitable[T]]) -> T | Trouble:
        """One session, within the longest time that an operation has."""
        timeout_s = self.manifest.longest_timeout_s
        with seen_call(self.manifest.id, what) as ending:
            try:
                async with asyncio.timeout(timeout_s), self.open() as there:
                    done = await do(there)
            except (*TROUBLE, NoSession, ValueError) as error:
                trouble = trouble_of(error)
                ending.verdict = type(trouble).__name__
                return trouble
            ending.verdict = "Done"
            return done

    def _lines(self, orders: Sequence[Order]) -> tuple[list[str], dict[UUID, str]]:
        lines, refused = [], {}
        for order in orders:
            try:
                line = self._line(order)
                line.encode(self.files.charset)
                lines.append(line)
            except ValidationError:
                refused[order.stamp.call_id] = "question_invalid"
            except UnicodeEncodeError:
                refused[order.stamp.call_id] = "sign_not_in_charset"
            except Exception as error:  # an adapter is written elsewhere: it may fail, and must fail alone
                refused[order.stamp.call_id] = code_of(f"encode_{type(error).__name__}")
        trailer = self.adapter.encode_trailer(len(lines))
        return lines + ([trailer] if trailer else []), refused

    def _line(self, order: Order) -> str:
        model = self.models[self.manifest.operations[order.operation].question]
        line = self.adapter.encode_row(order.operation, model.model_validate_json(order.question), order.stamp)
        if "\n" in line or "\r" in line:
            raise ValueError("a line holds no line end")
        return line

    async def _survey(self, there: Folders, path: str) -> tuple[str, bool]:
        """The content's hash, and whether the file says of itself that it is whole."""
        digest, lines, rows, told = hashlib.sha256(), Lines(self.files.charset), 0, None
        async for piece in there.read(path):
            digest.update(piece)
            for line in lines.feed(piece):
                rows, told = self._count(line, rows, told)
            if lines.ends_at > MAX_FILE_BYTES:
                raise ValueError("too_long")
        for line in lines.end():
            rows, told = self._count(line, rows, told)
        return digest.hexdigest(), told == rows if self.files.trailer else True

    def _count(self, line: Line, rows: int, told: int | None) -> tuple[int, int | None]:
        match self._read_line(line):
            case Trailer(told_rows):
                return rows, told_rows
            case Heading():
                return rows, told
        return rows + 1, told

    async def _portion(self, there: Folders, path: str, ends_at: int, number: int) -> Portion:
        lines = Lines(self.files.charset, ends_at=ends_at, number=number)
        rows: list[Row] = []
        rejects: list[tuple[int, str]] = []
        async for piece in there.read(path, begin=ends_at):
            for line in lines.feed(piece):
                self._keep(line, rows, rejects)
                if len(rows) + len(rejects) >= self.rows_at_once:
                    return Portion(tuple(rows), tuple(rejects), line.ends_at, line.number)
        for line in lines.end():
            self._keep(line, rows, rejects)
        return Portion(tuple(rows), tuple(rejects), lines.ends_at, lines.number, ended=True)

    def _keep(self, line: Line, rows: list[Row], rejects: list[tuple[int, str]]) -> None:
        match self._read_line(line):
            case Row() as row:
                rows.append(row)
            case NoRow(code):
                rejects.append((line.number, code))

    def _read_line(self, line: Line) -> Read:
        if line.text is None:
            return NoRow("charset")
        try:
            return self.adapter.read_row(line.text)
        except Exception as error:  # as above
            return NoRow(code_of(f"read_{type(error).__name__}"))


def trouble_of(error: Exception) -> Trouble:
    """By its kind alone: its text may name a file of a person."""
    name = str(error) if isinstance(error, NoSession) else type(error).__name__
    return AuthFailed(code_of(name)) if name in NOT_LET_IN else RetryLater(code_of(name))
