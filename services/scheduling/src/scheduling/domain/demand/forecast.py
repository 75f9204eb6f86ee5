"""Demand forecast: a multiplicative model whose every factor can be shown to a planner.

    expected visits = people near the place / 1,000 x visits per 1,000 people and hour of the service x hours
                      x factor of the place x factor of the weekday x factor of the block

The rate of a service starts from a prior, every factor from 1. Observations pull each of them as strongly as there is
evidence (Gamma-Poisson shrinkage with the weight of PRIOR_VISITS visits). The factors are fitted in turns, each with
the others fixed, until they are stable (iterative proportional fitting). Citizens who came in vain count as demand too:
a factor also learns from unmet demand.

Invariants: the model knows no single citizen; its inputs are counts.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.domain.coverage_model import DayBlock
from scheduling.domain.resources import WEEKDAYS

PRIOR_VISITS = 8.0  # weight of the prior, in visits
FIT_ROUNDS = 25
NOON, EVENING = time(12), time(17)
DEFAULT_RATE = 0.35  # visits per 1,000 people and hour, for a service without a prior
MAX_TEST_STANDS = 30  # stands on which the error is measured, at most


@dataclass(frozen=True, slots=True)
class Observation:
    """Visits at one stand in one block for one service. `people`: near the place. `visits`: also unsuccessful ones."""

    stand_id: UUID
    place: str
    day: date
    block: DayBlock
    service: str
    hours: float
    people: float
    visits: float


@dataclass(frozen=True, slots=True)
class ForecastFactor:
    """`name`: what the factor stands for, such as 'Friday'. `evidence`: visits it was fitted to."""

    name: str
    multiplier: float
    evidence: float


@dataclass(frozen=True, slots=True)
class ExpectedVisits:
    visits: float
    factors: tuple[ForecastFactor, ...]


@dataclass(frozen=True, slots=True)
class ForecastError:
    """The error on held-out stands, each forecast from what was known the day before.

    `wape`: sum of absolute errors over the sum of visits. `naive_wape`: the same for "the average so far". Both are
    None if there were too few stands.
    """

    wape: float | None
    naive_wape: float | None
    stands: int


@dataclass(frozen=True, slots=True)
class DemandModel:
    rate: Mapping[str, float]
    place: Mapping[str, float]
    weekday: Mapping[int, float]
    block: Mapping[DayBlock, float]
    evidence: Mapping[str, float] = field(default_factory=dict)

    def expected_visits(
        self, *, place: str, people: float, day: date, block: DayBlock, service: str, hours: float
    ) -> ExpectedVisits:
        weekday = day.weekday()
        factors = (
            ForecastFactor(f"{people:.0f} people nearby", people / 1_000, 0.0),
            ForecastFactor(service, self.rate.get(service, DEFAULT_RATE), self._evidence(service)),
            ForecastFactor(f"{hours:g} hours", hours, 0.0),
            ForecastFactor(place, self.place.get(place, 1.0), self._evidence(place)),
            ForecastFactor(WEEKDAYS[weekday], self.weekday.get(weekday, 1.0), self._evidence(str(weekday))),
            ForecastFactor(block.name.lower(), self.block.get(block, 1.0), self._evidence(block.name)),
        )
        visits = 1.0
        for factor in factors:
            visits *= factor.multiplier
        return ExpectedVisits(visits, factors)

    def _evidence(self, key: str) -> float:
        return self.evidence.get(key, 0.0)


def fit_forecast(rows: Sequence[Observation], priors: Mapping[str, float] | None = None) -> DemandModel:
    """`priors`: visits per 1,000 people and hour, by service."""
    priors = priors or {}
    services = {row.service for row in rows} | priors.keys()
    model = DemandModel({service: priors.get(service, DEFAULT_RATE) for service in services}, {}, {}, {})
    for _ in range(FIT_ROUNDS):
        corrections = _fit_factors(rows, model, lambda row: row.service, {})
        rate = {service: rate * corrections.get(service, 1.0) for service, rate in model.rate.items()}
        model = replace(model, rate=rate)
        model = replace(model, place=_fit_factors(rows, model, lambda row: row.place, model.place))
        model = replace(model, weekday=_fit_factors(rows, model, lambda row: row.day.weekday(), model.weekday))
        model = replace(model, block=_fit_factors(rows, model, lambda row: row.block, model.block))
    evidence: dict[str, float] = defaultdict(float)
    for row in rows:
        for key in (row.service, row.place, str(row.day.weekday()), row.block.name):
            evidence[key] += row.visits
    return replace(model, evidence=dict(evidence))


def measure_error(rows: Sequence[Observation], priors: Mapping[str, float] | None = None) -> ForecastError:
    """Forecasts the latest stands in order of time, each with a model fitted to the stands before it."""
    by_stand: dict[UUID, list[Observation]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.day):
        by_stand[row.stand_id].append(row)
    ordered = list(by_stand.values())
    tested = range(max(2, len(ordered) - MAX_TEST_STANDS), len(ordered))
    model_error = naive_error = total = 0.0
    for number in tested:
        known = [row for stand in ordered[:number] for row in stand if row.day < ordered[number][0].day]
        if not known:
            continue
        model = fit_forecast(known, priors)
        visits = sum(row.visits for row in ordered[number])
        average = fmean(sum(row.visits for row in stand) for stand in ordered[:number])
        model_error += abs(visits - sum(_predict(model, row) for row in ordered[number]))
        naive_error += abs(visits - average)
        total += visits
    if not total:
        return ForecastError(None, None, len(tested))
    return ForecastError(model_error / total, naive_error / total, len(tested))


def hours_by_block(begin: datetime, end: datetime, zone: ZoneInfo) -> dict[DayBlock, float]:
    """The hours a stand is open in each block of its day, in local time."""
    local, until = begin.astimezone(zone), end.astimezone(zone)
    hours: dict[DayBlock, float] = {}
    while local < until:
        block = block_of(local)
        edge = {DayBlock.MORNING: NOON, DayBlock.AFTERNOON: EVENING}.get(block)
        stop = until if edge is None else min(until, datetime.combine(local.date(), edge, zone))
        hours[block] = hours.get(block, 0.0) + (stop - local) / timedelta(hours=1)
        local = stop
    return hours


def block_of(local: datetime) -> DayBlock:
    if local.time() < NOON:
        return DayBlock.MORNING
    return DayBlock.AFTERNOON if local.time() < EVENING else DayBlock.EVENING


def _predict(model: DemandModel, row: Observation) -> float:
    factors = model.place.get(row.place, 1.0) * model.weekday.get(row.day.weekday(), 1.0)
    factors *= model.block.get(row.block, 1.0) * model.rate.get(row.service, DEFAULT_RATE)
    return row.people / 1_000 * row.hours * factors


def _fit_factors(
    rows: Sequence[Observation],
    model: DemandModel,
    key: Callable[[Observation], Any],
    current: Mapping[Any, float],
) -> dict[Any, float]:
    """Observed visits over predicted ones per key, the prediction without the key's own current factor."""
    observed: dict[Any, float] = defaultdict(float)
    predicted: dict[Any, float] = defaultdict(float)
    for row in rows:
        observed[key(row)] += row.visits
        predicted[key(row)] += _predict(model, row) / current.get(key(row), 1.0)
    return {name: (observed[name] + PRIOR_VISITS) / (predicted[name] + PRIOR_VISITS) for name in observed}
