"""The report on stands: how cases ended, how long they took, how much was paid."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from statistics import median

from wanderamt.kernel.ids import StandId

ON_THE_SPOT = timedelta(minutes=30)  # measured from the arrival of the case at intake


@dataclass(frozen=True, slots=True)
class StandCopy:
    """A stand as intake knows it from the stands topic."""

    stand_id: StandId
    place: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cancelled: bool = False
    occasion: str | None = None
    target_group: str | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StandStatistics:
    """Counts of cases, and money in cents.

    A case counts in at most one of: `on_the_spot`, final within ON_THE_SPOT, with a provisional document or without;
    `provisional`, the citizen left with a provisional document that is still valid; `return_visits`, the citizen must
    come again or a document was revoked. `minutes`: time at the desk per case, from its first entry to its last, for
    cases with at least two entries.
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

    def __add__(self, other: "StandStatistics") -> "StandStatistics":
        return StandStatistics(
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
        """The median, None without a measurement."""
        return round(median(self.minutes), 1) if self.minutes else None

    @property
    def fees(self) -> int:
        """What the city keeps, in cents."""
        return self.cash + self.card - self.paid_back


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One service at one stand."""

    stand: StandCopy
    service: str
    statistics: StandStatistics


@dataclass(frozen=True, slots=True)
class Report:
    """`stands` in order of time, including those without cases."""

    stands: tuple[StandCopy, ...]
    rows: tuple[ReportRow, ...]

    @property
    def total(self) -> StandStatistics:
        return _sum(self.rows)

    def by_stand(self) -> list[tuple[StandCopy, StandStatistics]]:
        return [(stand, _sum(row for row in self.rows if row.stand == stand)) for stand in self.stands]

    def by_service(self) -> dict[str, StandStatistics]:
        return self._by(lambda row: row.service)

    def by_occasion(self) -> dict[str, StandStatistics]:
        """Stands without an occasion are under the empty name."""
        return self._by(lambda row: row.stand.occasion or "")

    def by_target_group(self) -> dict[str, StandStatistics]:
        """Stands without a target group are under the empty name."""
        return self._by(lambda row: row.stand.target_group or "")

    def _by(self, key: Callable[[ReportRow], str]) -> dict[str, StandStatistics]:
        names = sorted({key(row) for row in self.rows})
        return {name: _sum(row for row in self.rows if key(row) == name) for name in names}


def _sum(rows: Iterable[ReportRow]) -> StandStatistics:
    return reduce(lambda total, row: total + row.statistics, rows, StandStatistics())
