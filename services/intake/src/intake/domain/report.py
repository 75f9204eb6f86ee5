"""What stands achieved: how their cases ended, how long they took, what was paid."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from statistics import median

from wanderamt.kernel.ids import StandId

ON_THE_SPOT = timedelta(minutes=30)  # the citizen waits that long; counted from when we heard of the case


@dataclass(frozen=True, slots=True)
class Stand:
    id: StandId
    place: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cancelled: bool = False
    occasion: str | None = None
    target_group: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of cases, and money in cents.

    A case is in one of these at most: `on_the_spot`, final within ON_THE_SPOT; `provisional`, the citizen left with a
    paper that held so far; `return_visits`, was asked to come again or had a paper taken back. `minutes`: at the desk,
    from the first thing the device wrote down for a case to the last, of the cases where there are two.
    """

    cases: int = 0
    on_the_spot: int = 0
    provisional: int = 0
    return_visits: int = 0
    withdrawn: int = 0
    open: int = 0
    minutes: tuple[float, ...] = ()
    cash: int = 0
    card: int = 0
    paid_back: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.cases + other.cases,
            self.on_the_spot + other.on_the_spot,
            self.provisional + other.provisional,
            self.return_visits + other.return_visits,
            self.withdrawn + other.withdrawn,
            self.open + other.open,
            self.minutes + other.minutes,
            self.cash + other.cash,
            self.card + other.card,
            self.paid_back + other.paid_back,
        )

    @property
    def minutes_each(self) -> float | None:
        """The median, None where nothing could be measured."""
        return round(median(self.minutes), 1) if self.minutes else None

    @property
    def fees(self) -> int:
        """What the city keeps."""
        return self.cash + self.card - self.paid_back


@dataclass(frozen=True, slots=True)
class Row:
    """One service at one stand."""

    stand: Stand
    service: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """`stands` in their order, also those where nobody came."""

    stands: tuple[Stand, ...]
    rows: tuple[Row, ...]

    @property
    def total(self) -> Tally:
        return _sum(self.rows)

    def by_stand(self) -> list[tuple[Stand, Tally]]:
        return [(stand, _sum(row for row in self.rows if row.stand == stand)) for stand in self.stands]

    def by_service(self) -> dict[str, Tally]:
        return self._by(lambda row: row.service)

    def by_occasion(self) -> dict[str, Tally]:
        """Under an empty name: stands of no occasion."""
        return self._by(lambda row: row.stand.occasion or "")

    def by_target_group(self) -> dict[str, Tally]:
        """Under an empty name: stands for everybody."""
        return self._by(lambda row: row.stand.target_group or "")

    def _by(self, key: Callable[[Row], str]) -> dict[str, Tally]:
        names = sorted({key(row) for row in self.rows})
        return {name: _sum(row for row in self.rows if key(row) == name) for name in names}


def _sum(rows: Iterable[Row]) -> Tally:
    return reduce(lambda total, row: total + row.tally, rows, Tally())
