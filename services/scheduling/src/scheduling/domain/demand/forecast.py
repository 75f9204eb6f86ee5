"""What is to be expected where and when: a plain model, each number of which can be read aloud.

    expected = people near the place / 1,000 x visits per 1,000 people and hour of the service x hours
               x factor of the place x factor of the weekday x factor of the block

The rate of a service starts from a prior and every factor from 1; each is drawn to what was seen as strongly as there
is evidence (Gamma-Poisson shrinkage: K visits of belief). Factors are fitted in turns, each with the others held, until
they stand still (iterative proportional fitting). Who came in vain counts as demand, too: a factor learns from wishes.

Kept true: no single citizen is known here; what goes in are counts.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.domain.planning import Block
from scheduling.domain.resources import WEEKDAYS

K = 8.0  # visits of belief in "as everywhere"
TURNS = 25
NOON, EVENING = time(12), time(17)
PRIOR = 0.35  # visits per 1,000 people and hour, of a service nothing is known of
HOLD_OUT = 30  # stands that the error is measured on, at most


@dataclass(frozen=True, slots=True)
class Seen:
    """What came to one stand in one block for one service. `people`: near the place. `came`: with those in vain."""

    stand_id: UUID
    place: str
    day: date
    block: Block
    service: str
    hours: float
    people: float
    came: float


@dataclass(frozen=True, slots=True)
class Factor:
    """`name`: what it is of, such as 'Friday'; `by`: how strongly; `seen`: visits it was learnt from."""

    name: str
    by: float
    seen: float


@dataclass(frozen=True, slots=True)
class Expected:
    visits: float
    why: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Error:
    """Of forecasts for stands the model had not seen, each made from what was known the day before.

    `share`: sum of absolute errors over the sum of what came (WAPE). `naive`: the same for "as on average so far".
    None where there were too few stands to say.
    """

    share: float | None
    naive: float | None
    stands: int


@dataclass(frozen=True, slots=True)
class Model:
    rate: Mapping[str, float]
    place: Mapping[str, float]
    weekday: Mapping[int, float]
    block: Mapping[Block, float]
    evidence: Mapping[str, float] = field(default_factory=dict)

    def expected(self, *, place: str, people: float, day: date, block: Block, service: str, hours: float) -> Expected:
        """Visits to be expected, and why."""
        factors = (
            Factor(f"{people:.0f} people near by", people / 1_000, 0.0),
            Factor(service, self.rate.get(service, PRIOR), self._seen(service)),
            Factor(f"{hours:g} hours", hours, 0.0),
            Factor(place, self.place.get(place, 1.0), self._seen(place)),
            Factor(WEEKDAYS[day.weekday()], self.weekday.get(day.weekday(), 1.0), self._seen(str(day.weekday()))),
            Factor(block.name.lower(), self.block.get(block, 1.0), self._seen(block.name)),
        )
        visits = 1.0
        for one in factors:
            visits *= one.by
        return Expected(visits, factors)

    def _seen(self, key: str) -> float:
        return self.evidence.get(key, 0.0)


def fit(rows: Sequence[Seen], priors: Mapping[str, float] | None = None) -> Model:
    """`priors`: visits per 1,000 people and hour, by service."""
    priors = priors or {}
    model = Model({one: priors.get(one, PRIOR) for one in {row.service for row in rows} | priors.keys()}, {}, {}, {})
    for _ in range(TURNS):
        drawn = _factors(rows, model, lambda row: row.service, {})
        rate = {one: rate * drawn.get(one, 1.0) for one, rate in model.rate.items()}
        model = replace(model, rate=rate)
        model = replace(model, place=_factors(rows, model, lambda row: row.place, model.place))
        model = replace(model, weekday=_factors(rows, model, lambda row: row.day.weekday(), model.weekday))
        model = replace(model, block=_factors(rows, model, lambda row: row.block, model.block))
    evidence: dict[str, float] = defaultdict(float)
    for row in rows:
        for key in (row.service, row.place, str(row.day.weekday()), row.block.name):
            evidence[key] += row.came
    return replace(model, evidence=dict(evidence))


def error(rows: Sequence[Seen], priors: Mapping[str, float] | None = None) -> Error:
    """Stand by stand in the order of time: each forecast by a model that knows the stands before it alone."""
    by_stand: dict[UUID, list[Seen]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.day):
        by_stand[row.stand_id].append(row)
    ordered = list(by_stand.values())
    tested = range(max(2, len(ordered) - HOLD_OUT), len(ordered))
    off = plain = came = 0.0
    for number in tested:
        known = [row for stand in ordered[:number] for row in stand if row.day < ordered[number][0].day]
        if not known:
            continue
        model = fit(known, priors)
        there = sum(row.came for row in ordered[number])
        usual = fmean(sum(row.came for row in stand) for stand in ordered[:number])
        off += abs(there - sum(_predict(model, row) for row in ordered[number]))
        plain += abs(there - usual)
        came += there
    return Error(off / came, plain / came, len(tested)) if came else Error(None, None, len(tested))


def hours_by_block(begin: datetime, end: datetime, zone: ZoneInfo) -> dict[Block, float]:
    """How long a stand is open in each block of its day, by the clock on the wall."""
    here, until = begin.astimezone(zone), end.astimezone(zone)
    found: dict[Block, float] = {}
    while here < until:
        block = block_of(here)
        edge = {Block.MORNING: NOON, Block.AFTERNOON: EVENING}.get(block)
        stop = until if edge is None else min(until, datetime.combine(here.date(), edge, zone))
        found[block] = found.get(block, 0.0) + (stop - here) / timedelta(hours=1)
        here = stop
    return found


def block_of(here: datetime) -> Block:
    if here.time() < NOON:
        return Block.MORNING
    return Block.AFTERNOON if here.time() < EVENING else Block.EVENING


def _predict(model: Model, row: Seen) -> float:
    factors = model.place.get(row.place, 1.0) * model.weekday.get(row.day.weekday(), 1.0)
    factors *= model.block.get(row.block, 1.0) * model.rate.get(row.service, PRIOR)
    return row.people / 1_000 * row.hours * factors


def _factors(
    rows: Sequence[Seen], model: Model, key: Callable[[Seen], Any], now: Mapping[Any, float]
) -> dict[Any, float]:
    came: dict[Any, float] = defaultdict(float)
    without: dict[Any, float] = defaultdict(float)
    for row in rows:
        came[key(row)] += row.came
        without[key(row)] += _predict(model, row) / now.get(key(row), 1.0)
    return {one: (came[one] + K) / (without[one] + K) for one in came}
