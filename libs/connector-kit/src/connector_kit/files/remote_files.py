"""Files at a register: which of them can be read, and how far each was read. Pure.

Invariants: a file is read only when it no longer grows (same size and time in two listings, some time apart) or its
marker file exists; reading continues after the last stored line, never before it; a missing file is reported.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

CHUNK_BYTES: Final = 256 * 1024  # how much of a file a session reads at a time
MAX_LINE_BYTES: Final = 64 * 1024


class FileTransferError(Exception):
    """A session to the register failed. The text is the name of the transport's own error class, never its message."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the register. `modified_s`: seconds since 1970, by the register's clock."""

    name: str
    size: int
    modified_s: int


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder at one moment, by name."""

    at: datetime
    files: Mapping[str, RemoteFile] = field(default_factory=dict)


def complete_files(
    before: FolderListing, now: FolderListing, *, stable_for_s: float, marker: str = ""
) -> list[RemoteFile]:
    """Files that are written to their end, oldest name first: after an outage, files are read in their order.

    `marker`: suffix of an empty file that the register creates beside a complete one; with it, the size alone says
    nothing.
    """
    names = sorted(name for name in now.files if not (marker and name.endswith(marker)))
    if marker:
        return [now.files[name] for name in names if name + marker in now.files]
    if (now.at - before.at).total_seconds() < stable_for_s:
        return []
    return [now.files[name] for name in names if before.files.get(name) == now.files[name] and now.files[name].size]


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A daily file: its name as a strftime pattern, and when it must have arrived."""

    name: str
    by: time
    zone: ZoneInfo


def missing_files(expected: ExpectedFile, seen: Iterable[str], *, since: date, now: datetime) -> list[str]:
    """Names of files that should have arrived since the day `since`, and did not."""
    known, local = set(seen), now.astimezone(expected.zone)
    last = local.date() if local.time() >= expected.by else local.date() - timedelta(days=1)
    days = (last - since).days + 1
    names = (f"{since + timedelta(days=number):{expected.name}}" for number in range(max(0, days)))
    return [name for name in names if name not in known]


@dataclass(frozen=True, slots=True)
class FileLine:
    """`ends_at`: the byte after the line, where reading continues. `text` is None if it does not fit the charset."""

    number: int
    text: str | None
    ends_at: int


@dataclass(slots=True)
class LineDecoder:
    """Splits a byte stream into lines. The charset must be UTF-8 or a single-byte charset."""

    charset: str
    ends_at: int = 0
    number: int = 0
    _rest: bytes = b""

    def feed(self, piece: bytes) -> Iterator[FileLine]:
        """Raises ValueError for a line that is too long: this is not a text file."""
        self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            yield self._line(line, 1)
        if len(self._rest) > MAX_LINE_BYTES:
            raise ValueError(f"line {self.number + 1} is longer than {MAX_LINE_BYTES} bytes")

    def flush(self) -> Iterator[FileLine]:
        """The last line, if it has no line end: some registers write none."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield self._line(rest, 0)

    def _line(self, line: bytes, ending: int) -> FileLine:
        self.number += 1
        self.ends_at += len(line) + ending
        try:
            text = line.removesuffix(b"\r").decode(self.charset)
        except UnicodeDecodeError:
            text = None
        return FileLine(self.number, text, self.ends_at)
