"""Numbers for offline devices: blocks leased to one device, used there, and returned.

Invariants: a number is used once or voided with a reason, never both and never twice. Intake never leases a number of a
returned block again, because an offline device may have printed it.
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
MAX_SERIAL = 9_999_999  # seven digits


class NumberSeries(StrEnum):
    FILE = "GZ"  # Geschäftszahl: one per case
    RECEIPT = "BE"  # Beleg: one per payment
    DOCUMENT = "UK"  # Urkunde: one per document


_WRITTEN = re.compile(
    rf"(?P<series>{'|'.join(NumberSeries)})-(?P<year>[0-9]{{4}})-(?P<serial>[0-9]{{7}})-(?P<digit>[0-9])"
)


@dataclass(frozen=True, slots=True)
class Number:
    """Such as UK-2026-0000123-4: series, year, serial, and a check digit against a wrong digit or two swapped."""

    series: NumberSeries
    year: int
    serial: int

    def __str__(self) -> str:
        body = f"{self.year}{self.serial:07d}"
        return f"{self.series}-{self.year}-{self.serial:07d}-{_check_digit(body)}"


@dataclass(frozen=True, slots=True)
class NumberBlock:
    """Serials `first` to `last`, both included. `voided`: serials with the reason.

    `status_list_indexes`: one per serial, for document numbers; empty for the other series.
    """

    series: NumberSeries
    year: int
    first: int
    last: int
    stand_id: StandId
    device_id: DeviceId
    leased_at: datetime
    used: frozenset[int] = frozenset()
    voided: tuple[tuple[int, str], ...] = ()
    returned_at: datetime | None = None
    status_list_indexes: tuple[int, ...] = ()

    def __contains__(self, serial: int) -> bool:
        return self.first <= serial <= self.last

    def contains(self, number: Number) -> bool:
        return (number.series, number.year) == (self.series, self.year) and number.serial in self

    def status_list_index(self, serial: int) -> int | None:
        """Index of the number in the status list of revoked documents."""
        return self.status_list_indexes[serial - self.first] if self.status_list_indexes and serial in self else None

    def numbers(self) -> Iterator[Number]:
        return (Number(self.series, self.year, serial) for serial in range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True)
class NumberAudit:
    """Counts of all leased serials of a series. `gaps`: voided serials with the reason; `unexplained`: lost serials.

    Both lists are cut: there may be millions.
    """

    used: int
    outstanding: int
    voided: int
    unexplained: tuple[int, ...]
    gaps: tuple[tuple[int, str], ...]


def parse_number(text: str) -> Number | Refusal:
    match = _WRITTEN.fullmatch(text.strip().upper())
    if not match or match["digit"] != _check_digit(match["year"] + match["serial"]):
        return NUMBER_UNREADABLE
    return Number(NumberSeries(match["series"]), int(match["year"]), int(match["serial"]))


def parse_numbers(texts: Iterable[tuple[str, NumberSeries]]) -> list[Number] | Refusal:
    """Refuses all if one number is unreadable or not of its series."""
    numbers = []
    for text, series in texts:
        number = parse_number(text)
        if isinstance(number, Refusal):
            return number
        if number.series is not series:
            return NUMBER_OF_OTHER_KIND
        numbers.append(number)
    return numbers


def lease_block(
    series: NumberSeries,
    *,
    year: int,
    next_serial: int,
    stand_id: StandId,
    device_id: DeviceId,
    now: datetime,
    status_list_indexes: tuple[int, ...] = (),
    size: int = BLOCK_SIZE,
) -> NumberBlock:
    """The next block of the series. The caller must hold the lock of the series' row: blocks must not overlap."""
    return NumberBlock(
        series,
        year,
        next_serial,
        next_serial + size - 1,
        stand_id,
        device_id,
        now,
        status_list_indexes=status_list_indexes,
    )


def spend(block: NumberBlock, serial: int, *, device_id: DeviceId) -> NumberBlock | Refusal:
    """Marks a number as used. After the block is returned, only numbers used before are not void."""
    if serial not in block or block.device_id != device_id:
        return NUMBER_NOT_IN_BLOCK
    if serial in block.used or serial in {voided for voided, _ in block.voided}:
        return NUMBER_TAKEN
    return replace(block, used=block.used | {serial})


def return_block(block: NumberBlock, *, reason: str, now: datetime) -> NumberBlock | Refusal:
    """Voids all unused numbers: the gap has a reason."""
    if block.returned_at:
        return BLOCK_RETURNED
    spent = block.used | {serial for serial, _ in block.voided}
    unused = tuple((serial, reason) for serial in range(block.first, block.last + 1) if serial not in spent)
    return replace(block, voided=(*block.voided, *unused), returned_at=now)


def void(block: NumberBlock, serial: int, *, reason: str, device_id: DeviceId) -> NumberBlock | Refusal:
    """Voids a number that was misprinted, torn or printed for the wrong case."""
    spent = spend(block, serial, device_id=device_id)
    return spent if isinstance(spent, Refusal) else replace(block, voided=(*block.voided, (serial, reason)))


def _check_digit(digits: str) -> str:
    """ISO/IEC 7064 MOD 11,10: detects every single wrong digit and nearly all swaps of neighbours."""
    rest = 10
    for digit in digits:
        rest = (rest + int(digit)) % 10 or 10
        rest = rest * 2 % 11
    return str((11 - rest) % 10)
