"""Numbers that exist without network: blocks leased to one device, used there, given back with an account.

Kept true: a number is used once or voided with a reason, never both and never twice; a number of a block that was
given back is never leased again, because a device that was away may still have printed it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import (
    BLOCK_RETURNED,
    NUMBER_NOT_IN_BLOCK,
    NUMBER_OF_OTHER_KIND,
    NUMBER_TAKEN,
    NUMBER_UNREADABLE,
)

BLOCK_SIZE = 50


class Series(StrEnum):
    FILE = "GZ"  # Geschäftszahl: one a case
    RECEIPT = "BE"  # Beleg: one a payment
    DOCUMENT = "UK"  # Urkunde: one a document


_WRITTEN = re.compile(rf"(?P<series>{'|'.join(Series)})-(?P<year>[0-9]{{4}})-(?P<serial>[0-9]{{7}})-(?P<digit>[0-9])")


@dataclass(frozen=True, slots=True)
class Number:
    """Such as UK-2026-0000123-4: series, year, serial, check digit. One wrong digit or two swapped never read."""

    series: Series
    year: int
    serial: int

    def __str__(self) -> str:
        body = f"{self.year}{self.serial:07d}"
        return f"{self.series}-{self.year}-{self.serial:07d}-{_check_digit(body)}"


@dataclass(frozen=True, slots=True)
class Block:
    """Serials `first` to `last`, both included. `used` and `voided` (with the reason) account for what left it.

    `places`: of each serial in the status list, for numbers of documents; none for the other series.
    """

    series: Series
    year: int
    first: int
    last: int
    stand_id: StandId
    device_id: DeviceId
    leased_at: datetime
    used: frozenset[int] = frozenset()
    voided: tuple[tuple[int, str], ...] = ()
    returned_at: datetime | None = None
    places: tuple[int, ...] = ()

    def __contains__(self, serial: int) -> bool:
        return self.first <= serial <= self.last

    def holds(self, number: Number) -> bool:
        return (number.series, number.year) == (self.series, self.year) and number.serial in self

    def place_of(self, serial: int) -> int | None:
        """In the status list."""
        return self.places[serial - self.first] if self.places and serial in self else None

    def numbers(self) -> Iterator[Number]:
        return (Number(self.series, self.year, serial) for serial in range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True)
class Account:
    """Every serial below `next_serial` is in exactly one of these; `unexplained` is empty, or numbers were lost."""

    used: int
    outstanding: int
    voided: int
    unexplained: tuple[int, ...]


def read_number(text: str) -> Number | Refusal:
    found = _WRITTEN.fullmatch(text.strip().upper())
    if not found or found["digit"] != _check_digit(found["year"] + found["serial"]):
        return NUMBER_UNREADABLE
    return Number(Series(found["series"]), int(found["year"]), int(found["serial"]))


def read_all(texts: Iterable[tuple[str, Series]]) -> list[Number] | Refusal:
    """Each must be of the series it stands for."""
    read = []
    for text, series in texts:
        number = read_number(text)
        if isinstance(number, Refusal):
            return number
        if number.series is not series:
            return NUMBER_OF_OTHER_KIND
        read.append(number)
    return read


def lease(
    series: Series,
    *,
    year: int,
    next_serial: int,
    stand_id: StandId,
    device_id: DeviceId,
    now: datetime,
    places: tuple[int, ...] = (),
    size: int = BLOCK_SIZE,
) -> Block:
    """The next block of the series. The caller holds the series' row, so that no two blocks overlap."""
    return Block(series, year, next_serial, next_serial + size - 1, stand_id, device_id, now, places=places)


def use(block: Block, serial: int, *, device_id: DeviceId) -> Block | Refusal:
    """A device may still use its block after it was given back only for what the account did not void."""
    if serial not in block or block.device_id != device_id:
        return NUMBER_NOT_IN_BLOCK
    if serial in block.used or serial in {one for one, _ in block.voided}:
        return NUMBER_TAKEN
    return replace(block, used=block.used | {serial})


def give_back(block: Block, *, reason: str, now: datetime) -> Block | Refusal:
    """What was not used is void from now on: a gap with a reason."""
    if block.returned_at:
        return BLOCK_RETURNED
    gone = block.used | {one for one, _ in block.voided}
    left = tuple((serial, reason) for serial in range(block.first, block.last + 1) if serial not in gone)
    return replace(block, voided=(*block.voided, *left), returned_at=now)


def void(block: Block, serial: int, *, reason: str, device_id: DeviceId) -> Block | Refusal:
    """A number that was spoilt: misprinted, torn, printed for the wrong case."""
    taken = use(block, serial, device_id=device_id)
    return taken if isinstance(taken, Refusal) else replace(block, voided=(*block.voided, (serial, reason)))


def account(blocks: Iterable[Block], *, next_serial: int) -> Account:
    """Of one series and year."""
    used: set[int] = set()
    voided: set[int] = set()
    outstanding: set[int] = set()
    for block in blocks:
        gone = {one for one, _ in block.voided}
        used |= block.used
        voided |= gone
        outstanding |= set(range(block.first, block.last + 1)) - block.used - gone
    explained = used | voided | outstanding
    unexplained = tuple(serial for serial in range(1, next_serial) if serial not in explained)
    return Account(len(used), len(outstanding), len(voided), unexplained)


def _check_digit(digits: str) -> str:
    """ISO/IEC 7064 MOD 11,10: finds every single wrong digit and nearly all swaps of neighbours."""
    rest = 10
    for digit in digits:
        rest = (rest + int(digit)) % 10 or 10
        rest = rest * 2 % 11
    return str((11 - rest) % 10)
