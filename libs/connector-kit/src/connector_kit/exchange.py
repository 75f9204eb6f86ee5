"""What is known of the files between us and one register: one value that stands in one row. Pure.

Kept true: an order file has its name before it is laid, so that it can be laid again; an answer file counts once by its
content; of a file only what lies behind its checkpoint is read; nothing is looked for while nobody waits for an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter

from connector_kit.adapter import Row
from connector_kit.files import Expected, Look, Lying, missing, whole
from connector_kit.manifest import Manifest, files_of
from connector_kit.verdict import AuthFailed, RetryLater

KEPT_DAYS: Final = 90
MAX_REJECTS: Final = 1_000
AND_MORE: Final = "and_more"  # the last that is told of a file with more than so many


Trouble = RetryLater | AuthFailed


@dataclass(frozen=True, slots=True)
class Laid:
    """The file lies there. `refused`: orders that are no line, with a word."""

    rows: int
    refused: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portion:
    """Lines that were read. `ends_at`, `line`: where reading goes on. `half`: the file has no end yet, nothing counts.

    `sha256`: of the whole, when reading began at its beginning.
    """

    rows: tuple[Row, ...] = ()
    rejects: tuple[tuple[int, str], ...] = ()
    ends_at: int = 0
    line: int = 0
    ended: bool = False
    half: bool = False
    sha256: str = ""


class Known(StrEnum):
    READING = "reading"
    REJECTING = "rejecting"  # read; what we could not read of it goes back next
    READ = "read"
    HALF = "half"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Outgoing:
    name: str
    day: date
    laid: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """`ends_at`, `line`: up to there its rows are kept."""

    lying: Lying
    known: Known
    at: datetime
    sha256: str = ""
    ends_at: int = 0
    line: int = 0
    rejects: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """`before`: the look that the next one is compared with."""

    outgoing: tuple[Outgoing, ...] = ()
    incoming: tuple[Incoming, ...] = ()
    before: Look | None = None


EXCHANGE: Final = TypeAdapter(Exchange)


@dataclass(frozen=True, slots=True)
class Lay:
    name: str


@dataclass(frozen=True, slots=True)
class ReadOn:
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class SendBack:
    name: str
    rejects: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class LookThere:
    pass


Step: TypeAlias = Lay | ReadOn | SendBack | LookThere


def next_step(
    exchange: Exchange, manifest: Manifest, *, waiting: int, outstanding: int, now: datetime
) -> tuple[Exchange, Step | None]:
    """`waiting`: orders in no file yet; `outstanding`: orders in a file, without an answer. None: nothing to do now."""
    files = files_of(manifest)
    for out in exchange.outgoing:
        if not out.laid:
            return exchange, Lay(out.name)
    for file in exchange.incoming:
        if file.known is Known.READING:
            return exchange, ReadOn(file)
        if file.known is Known.REJECTING:
            return exchange, SendBack(file.lying.name, file.rejects)
    here = now.astimezone(manifest.zone)
    if waiting and here.time() >= files.orders.at and not any(one.day == here.date() for one in exchange.outgoing):
        name = f"{here:{files.orders.name}}"
        return replace(exchange, outgoing=(*exchange.outgoing, Outgoing(name, here.date()))), Lay(name)
    return exchange, LookThere() if outstanding else None


def laid(exchange: Exchange, name: str) -> Exchange:
    outgoing = tuple(replace(one, laid=True) if one.name == name else one for one in exchange.outgoing)
    return replace(exchange, outgoing=outgoing)


def looked(exchange: Exchange, look: Look, manifest: Manifest) -> Exchange:
    """What may be read next, of older days first. A half file is tried again once it has changed."""
    files = files_of(manifest)
    before = exchange.before or Look(look.at)
    known = {one.lying.name: one.lying for one in exchange.incoming}
    ready = whole(before, look, apart_s=files.apart_s, marker=files.marker)
    new = [Incoming(one, Known.READING, look.at) for one in ready if known.get(one.name) != one]
    kept = tuple(one for one in exchange.incoming if one.lying.name not in {file.lying.name for file in new})
    apart = exchange.before is None or look.at - before.at >= timedelta(seconds=files.apart_s)
    return _pruned(replace(exchange, incoming=(*kept, *new), before=look if apart else before), look.at)


def took(exchange: Exchange, file: Incoming, portion: Portion) -> tuple[Exchange, Sequence[Row]]:
    """The rows that count: none of a half file, none of a content that was taken before."""
    if portion.half:
        return _known(exchange, replace(file, known=Known.HALF)), ()
    sha256 = file.sha256 or portion.sha256
    if any(one.sha256 == sha256 and one.lying.name != file.lying.name for one in exchange.incoming):
        return _known(exchange, replace(file, known=Known.DUPLICATE, sha256=sha256)), ()
    rejects = (*file.rejects, *portion.rejects)
    if len(rejects) > MAX_REJECTS:
        rejects = (*rejects[: MAX_REJECTS - 1], (rejects[MAX_REJECTS - 1][0], AND_MORE))
    ended = Known.REJECTING if rejects else Known.READ
    read = Incoming(
        lying=file.lying,
        known=ended if portion.ended else Known.READING,
        at=file.at,
        sha256=sha256,
        ends_at=portion.ends_at,
        line=portion.line,
        rejects=rejects,
    )
    return _known(exchange, read), portion.rows


def sent_back(exchange: Exchange, name: str) -> Exchange:
    incoming = tuple(
        replace(one, known=Known.READ, rejects=()) if one.lying.name == name else one for one in exchange.incoming
    )
    return replace(exchange, incoming=incoming)


def late(exchange: Exchange, manifest: Manifest, *, now: datetime) -> list[str]:
    """Answer files that should be here by now, since the first order file whose answer may still come."""
    answers = files_of(manifest).answers
    longest = timedelta(seconds=max(one.deadline_s for one in manifest.operations.values()))
    waited_since = (now - longest).astimezone(manifest.zone).date()
    days = [one.day for one in exchange.outgoing if one.laid and one.day >= waited_since]
    if not days:
        return []
    read = [one.lying.name for one in exchange.incoming if one.known in {Known.READ, Known.REJECTING, Known.READING}]
    expected = Expected(answers.name, answers.at, manifest.zone)
    return missing(expected, read, since=min(days) + timedelta(days=1), now=now)


def _known(exchange: Exchange, file: Incoming) -> Exchange:
    incoming = tuple(file if one.lying.name == file.lying.name else one for one in exchange.incoming)
    return replace(exchange, incoming=incoming)


def _pruned(exchange: Exchange, now: datetime) -> Exchange:
    oldest = now - timedelta(days=KEPT_DAYS)
    return replace(
        exchange,
        outgoing=tuple(one for one in exchange.outgoing if not one.laid or one.day >= oldest.date()),
        incoming=tuple(one for one in exchange.incoming if one.at >= oldest or one.known is Known.READING),
    )
