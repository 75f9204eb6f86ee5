"""The state of the files between us and one register: one value in one row. Pure.

Invariants: an order file gets its name before its upload, so the upload can be repeated; an answer file counts once,
by its content; reading continues after the checkpoint; no folder is listed while no order waits for an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter

from connector_kit.adapter import AnswerRow
from connector_kit.call_outcome import AuthFailed, TemporarilyUnavailable
from connector_kit.files.remote_files import ExpectedFile, FolderListing, RemoteFile, complete_files, missing_files
from connector_kit.manifest.manifest import Manifest, file_transfer_of

KEPT_DAYS: Final = 90
MAX_REJECTS: Final = 1_000
MORE_REJECTS: Final = "and_more"  # code of the last entry when a file has more rejects than MAX_REJECTS


TransferFailure = TemporarilyUnavailable | AuthFailed


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The file is at the register. `refused`: orders that could not become a line, with a code."""

    rows: int
    refused: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileChunk:
    """Lines that were read. `ends_at`, `line`: where reading continues. `incomplete`: the file is still being
    written, and none of its lines counts. `sha256`: of the whole file, if reading began at its start."""

    rows: tuple[AnswerRow, ...] = ()
    rejects: tuple[tuple[int, str], ...] = ()
    ends_at: int = 0
    line: int = 0
    at_end: bool = False
    incomplete: bool = False
    sha256: str = ""


class IncomingState(StrEnum):
    READING = "reading"
    REJECTING = "rejecting"  # read; its unreadable lines go back next
    READ = "read"
    INCOMPLETE = "incomplete"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    name: str
    day: date
    uploaded: bool = False


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """`ends_at`, `line`: the checkpoint; rows before it are stored."""

    file: RemoteFile
    state: IncomingState
    at: datetime
    sha256: str = ""
    ends_at: int = 0
    line: int = 0
    rejects: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FileExchange:
    """`previous_listing`: the listing with which the next one is compared."""

    outgoing: tuple[OutgoingFile, ...] = ()
    incoming: tuple[IncomingFile, ...] = ()
    previous_listing: FolderListing | None = None


FILE_EXCHANGE: Final = TypeAdapter(FileExchange)


@dataclass(frozen=True, slots=True)
class UploadFile:
    name: str


@dataclass(frozen=True, slots=True)
class ReadChunk:
    incoming: IncomingFile


@dataclass(frozen=True, slots=True)
class ReturnRejects:
    name: str
    rejects: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ListFolder:
    pass


ExchangeStep: TypeAlias = UploadFile | ReadChunk | ReturnRejects | ListFolder


def next_step(
    exchange: FileExchange, manifest: Manifest, *, waiting: int, outstanding: int, now: datetime
) -> tuple[FileExchange, ExchangeStep | None]:
    """`waiting`: orders in no file yet; `outstanding`: orders in a file, without an answer. None: nothing to do now."""
    files = file_transfer_of(manifest)
    for out in exchange.outgoing:
        if not out.uploaded:
            return exchange, UploadFile(out.name)
    for file in exchange.incoming:
        if file.state is IncomingState.READING:
            return exchange, ReadChunk(file)
        if file.state is IncomingState.REJECTING:
            return exchange, ReturnRejects(file.file.name, file.rejects)
    local = now.astimezone(manifest.zone)
    if waiting and local.time() >= files.orders.at and not any(out.day == local.date() for out in exchange.outgoing):
        name = f"{local:{files.orders.name}}"
        return replace(exchange, outgoing=(*exchange.outgoing, OutgoingFile(name, local.date()))), UploadFile(name)
    return exchange, ListFolder() if outstanding else None


def after_upload(exchange: FileExchange, name: str) -> FileExchange:
    outgoing = tuple(replace(out, uploaded=True) if out.name == name else out for out in exchange.outgoing)
    return replace(exchange, outgoing=outgoing)


def after_listing(exchange: FileExchange, listing: FolderListing, manifest: Manifest) -> FileExchange:
    """Which files can be read next, oldest first. An incomplete file is tried again once it has changed."""
    files = file_transfer_of(manifest)
    previous = exchange.previous_listing or FolderListing(listing.at)
    known = {incoming.file.name: incoming.file for incoming in exchange.incoming}
    ready = complete_files(previous, listing, stable_for_s=files.stable_for_s, marker=files.marker)
    new = [IncomingFile(file, IncomingState.READING, listing.at) for file in ready if known.get(file.name) != file]
    kept = tuple(old for old in exchange.incoming if old.file.name not in {incoming.file.name for incoming in new})
    is_later = exchange.previous_listing is None or listing.at - previous.at >= timedelta(seconds=files.stable_for_s)
    return _without_old_files(
        replace(exchange, incoming=(*kept, *new), previous_listing=listing if is_later else previous), listing.at
    )


def after_chunk(
    exchange: FileExchange, file: IncomingFile, chunk: FileChunk
) -> tuple[FileExchange, Sequence[AnswerRow]]:
    """The rows that count: none of an incomplete file, none of content that was read before."""
    if chunk.incomplete:
        return _with_file(exchange, replace(file, state=IncomingState.INCOMPLETE)), ()
    sha256 = file.sha256 or chunk.sha256
    if any(other.sha256 == sha256 and other.file.name != file.file.name for other in exchange.incoming):
        return _with_file(exchange, replace(file, state=IncomingState.DUPLICATE, sha256=sha256)), ()
    rejects = (*file.rejects, *chunk.rejects)
    if len(rejects) > MAX_REJECTS:
        rejects = (*rejects[: MAX_REJECTS - 1], (rejects[MAX_REJECTS - 1][0], MORE_REJECTS))
    ended = IncomingState.REJECTING if rejects else IncomingState.READ
    read = IncomingFile(
        file=file.file,
        state=ended if chunk.at_end else IncomingState.READING,
        at=file.at,
        sha256=sha256,
        ends_at=chunk.ends_at,
        line=chunk.line,
        rejects=rejects,
    )
    return _with_file(exchange, read), chunk.rows


def after_rejects(exchange: FileExchange, name: str) -> FileExchange:
    incoming = tuple(
        replace(file, state=IncomingState.READ, rejects=()) if file.file.name == name else file
        for file in exchange.incoming
    )
    return replace(exchange, incoming=incoming)


def overdue_files(exchange: FileExchange, manifest: Manifest, *, now: datetime) -> list[str]:
    """Answer files that should have arrived by now, for order files whose deadline has not passed."""
    answers = file_transfer_of(manifest).answers
    longest = timedelta(seconds=max(operation.deadline_s for operation in manifest.operations.values()))
    waited_since = (now - longest).astimezone(manifest.zone).date()
    days = [out.day for out in exchange.outgoing if out.uploaded and out.day >= waited_since]
    if not days:
        return []
    read = [
        incoming.file.name
        for incoming in exchange.incoming
        if incoming.state in {IncomingState.READ, IncomingState.REJECTING, IncomingState.READING}
    ]
    expected = ExpectedFile(answers.name, answers.at, manifest.zone)
    return missing_files(expected, read, since=min(days) + timedelta(days=1), now=now)


def _with_file(exchange: FileExchange, file: IncomingFile) -> FileExchange:
    incoming = tuple(file if old.file.name == file.file.name else old for old in exchange.incoming)
    return replace(exchange, incoming=incoming)


def _without_old_files(exchange: FileExchange, now: datetime) -> FileExchange:
    oldest = now - timedelta(days=KEPT_DAYS)
    return replace(
        exchange,
        outgoing=tuple(out for out in exchange.outgoing if not out.uploaded or out.day >= oldest.date()),
        incoming=tuple(file for file in exchange.incoming if file.at >= oldest or file.state is IncomingState.READING),
    )
