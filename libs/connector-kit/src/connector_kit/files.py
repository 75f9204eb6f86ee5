"""Files that come by night: which of those that lie there may be taken, and how far each was read. Pure.

Kept true: a file is taken only when it does not grow any more (the same size and time at two looks, some time apart) or
its marker lies beside it; the same content is taken once, under whatever name and however often it comes; reading goes
on after the last line that was kept, never before; a file that should be there and is not is told.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MAX_LINE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Lying:
    """A file as it lies at the register. `modified_s`: seconds since 1970, by the register's clock."""

    name: str
    size: int
    modified_s: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment, by name."""

    at: datetime
    files: Mapping[str, Lying] = field(default_factory=dict)


def whole(before: Look, now: Look, *, apart_s: float, marker: str = "") -> list[Lying]:
    """Those that are written to their end, the oldest name first: files of an outage are caught up in their order.

    `marker`: suffix of an empty file that the register lays beside a whole one; where it does, size alone says nothing.
    """
    names = sorted(name for name in now.files if not (marker and name.endswith(marker)))
    if marker:
        return [now.files[name] for name in names if name + marker in now.files]
    if (now.at - before.at).total_seconds() < apart_s:
        return []
    return [now.files[name] for name in names if before.files.get(name) == now.files[name] and now.files[name].size]


@dataclass(frozen=True, slots=True)
class Expected:
    """A file of every night: its name by the day, as strftime writes it, and when it must be there."""

    name: str
    by: time
    zone: ZoneInfo


def missing(expected: Expected, seen: Iterable[str], *, since: date, now: datetime) -> list[str]:
    """Names that should have come, from the day `since` on, and did not."""
    known, here = set(seen), now.astimezone(expected.zone)
    last = here.date() if here.time() >= expected.by else here.date() - timedelta(days=1)
    days = (last - since).days + 1
    names = (f"{since + timedelta(days=number):{expected.name}}" for number in range(max(0, days)))
    return [name for name in names if name not in known]


@dataclass(frozen=True, slots=True)
class Line:
    """`ends_at`: the byte after it, where reading goes on. `text` is None where the charset does not fit."""

    number: int
    text: str | None
    ends_at: int


@dataclass(slots=True)
class Lines:
    """Cuts bytes that come in pieces into lines. The charset is the register's and must be one byte a sign or UTF-8."""

    charset: str
    ends_at: int = 0
    number: int = 0
    _rest: bytes = b""

    def feed(self, piece: bytes) -> Iterator[Line]:
        """Raises ValueError for a line without an end: it is no file of lines."""
        self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            yield self._line(line, 1)
        if len(self._rest) > MAX_LINE_BYTES:
            raise ValueError(f"line {self.number + 1} has more than {MAX_LINE_BYTES} bytes")

    def end(self) -> Iterator[Line]:
        """A last line without its end is one: some registers write none."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield self._line(rest, 0)

    def _line(self, line: bytes, ending: int) -> Line:
        self.number += 1
        self.ends_at += len(line) + ending
        try:
            text = line.removesuffix(b"\r").decode(self.charset)
        except UnicodeDecodeError:
            text = None
        return Line(self.number, text, self.ends_at)
