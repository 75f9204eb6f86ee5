"""The coverage model: which sites to visit on which days of a horizon, so that most of the demand is served.

The objective is a concave coverage, so that a person near two stands counts once. An item is what the people of one
cell and one group want from one class of services. A visit captures a share of it,

    share = capture rate x distance decay x presence x offered x min(1, capacity / demand at a first visit)

and several visits capture 1 - (1 - share) x (1 - share') x ... of it. The objective of a plan is the sum over all items
of weight x captured share, less a penalty for every visit that a district lacks to its minimum.

Invariants of every plan: the visits of a day fit the crews, vehicles and kits on duty; a site rests for `rest_days`
days between two visits; pinned visits are part of the plan.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from math import exp, hypot

from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import infeasible

MAX_DAYS = 62
SATURDAY = 5


class DayBlock(IntEnum):
    """A part of a day. A crew works two in a row: an early shift the first two, a late shift the last two."""

    MORNING = 0
    AFTERNOON = 1
    EVENING = 2


PATTERNS: tuple[tuple[DayBlock, ...], ...] = (
    (DayBlock.MORNING,),
    (DayBlock.AFTERNOON,),
    (DayBlock.EVENING,),
    (DayBlock.MORNING, DayBlock.AFTERNOON),
    (DayBlock.AFTERNOON, DayBlock.EVENING),
)


class PresenceTime(IntEnum):
    """Times at which different shares of a group can come."""

    DAY = 0
    EVENING = 1
    WEEKEND = 2


@dataclass(frozen=True, slots=True)
class Site:
    """A place that can be visited. `opens` [weekday][block]; `x_m`, `y_m`: metres in any plane grid."""

    id: str
    x_m: float
    y_m: float
    district: str
    desks: int
    opens: tuple[tuple[bool, bool, bool], ...]


@dataclass(frozen=True, slots=True)
class DemandCell:
    """A point where people live. `demand` [group]: weighted demand over the horizon."""

    x_m: float
    y_m: float
    demand: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DemandGroup:
    """A group of people with a class of services. `presence` [PresenceTime]: the share that can come at that time."""

    name: str
    presence: tuple[float, float, float]
    needs_kit: bool


@dataclass(frozen=True, slots=True)
class PlanDay:
    """`weekday`: 0 is Monday. `crews`: crews on duty that have a vehicle; `kits`: how many of them can carry a kit."""

    weekday: int
    crews: int
    kits: int

    @property
    def weekend(self) -> bool:
        return self.weekday >= SATURDAY


@dataclass(frozen=True, slots=True)
class CoverageRules:
    """Parameters of the model.

    `open_hours`: net hours of a visit of one block and of two (set-up, tear-down and travel deducted).
    `walking_scale_m`: the distance at which 1/e of the people still come; the decline has the exponent
    `decay_exponent`; nobody comes from beyond `max_walk_m`.
    """

    capture_rate: float = 0.75
    walking_scale_m: float = 900.0
    decay_exponent: float = 1.3
    max_walk_m: float = 2_500.0
    open_hours: tuple[float, float] = (2.8, 6.4)
    minutes_per_case: float = 15.0
    rest_days: int = 7
    shortfall_penalty: float = 15.0


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """`site`, `day`: indexes into the problem's lists; `pattern`: into PATTERNS."""

    site: int
    day: int
    pattern: int
    kit: bool


@dataclass(frozen=True, slots=True)
class CoverageProblem:
    """`min_visits`: per district. `pinned`: visits that must stay; `forbidden`: visits that must not be planned."""

    sites: tuple[Site, ...]
    cells: tuple[DemandCell, ...]
    groups: tuple[DemandGroup, ...]
    days: tuple[PlanDay, ...]
    min_visits: dict[str, int]
    rules: CoverageRules = CoverageRules()
    pinned: tuple[PlannedVisit, ...] = ()
    forbidden: frozenset[PlannedVisit] = frozenset()


def distance_decay(problem: CoverageProblem, site: Site, cell: DemandCell) -> float:
    rules = problem.rules
    distance_m = hypot(site.x_m - cell.x_m, site.y_m - cell.y_m)
    if distance_m > rules.max_walk_m:
        return 0.0
    return exp(-((distance_m / rules.walking_scale_m) ** rules.decay_exponent))


def visit_times(pattern: int, *, weekend: bool) -> tuple[PresenceTime, ...]:
    if weekend:
        return (PresenceTime.WEEKEND,)
    return tuple(PresenceTime.EVENING if block is DayBlock.EVENING else PresenceTime.DAY for block in PATTERNS[pattern])


def catchment(problem: CoverageProblem, site: int, pattern: int, *, weekend: bool, kit: bool) -> tuple[float, ...]:
    """Per group: the share that a visit captures of people who live next to the site."""
    rules, place = problem.rules, problem.sites[site]
    times = visit_times(pattern, weekend=weekend)
    raw = [
        rules.capture_rate * max(group.presence[time] for time in times) * float(kit or not group.needs_kit)
        for group in problem.groups
    ]
    would_come = sum(
        decay * sum(demand * share for demand, share in zip(cell.demand, raw, strict=True))
        for cell in problem.cells
        if (decay := distance_decay(problem, place, cell)) > 0
    )
    capacity = rules.open_hours[len(PATTERNS[pattern]) - 1] * 60 / rules.minutes_per_case * place.desks
    return tuple(share * min(1.0, capacity / would_come) if would_come > 0 else 0.0 for share in raw)


def objective(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> float:
    """The objective as the module defines it, computed step by step."""
    captured = sum(sum(cell.demand) for cell in problem.cells) - sum(map(sum, unserved(problem, visits)))
    return captured - problem.rules.shortfall_penalty * sum(shortfalls(problem, visits).values())


def unserved(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[list[float]]:
    """Per cell and group: the demand that no visit captures."""
    left = [list(cell.demand) for cell in problem.cells]
    for visit in visits:
        for cell, shares in captured_shares(problem, visit):
            for group, share in enumerate(shares):
                left[cell][group] *= 1 - share
    return left


def shortfalls(problem: CoverageProblem, visits: Iterable[PlannedVisit]) -> dict[str, int]:
    """Per district: the visits missing to its minimum. Districts with enough visits are left out."""
    planned = Counter(problem.sites[visit.site].district for visit in visits)
    return {name: wanted - planned[name] for name, wanted in problem.min_visits.items() if wanted > planned[name]}


def captured_shares(problem: CoverageProblem, visit: PlannedVisit) -> Iterator[tuple[int, list[float]]]:
    """For each cell in walking distance: its index, and per group the share that the visit captures."""
    weekend = problem.days[visit.day].weekend
    captures = catchment(problem, visit.site, visit.pattern, weekend=weekend, kit=visit.kit)
    site = problem.sites[visit.site]
    for number, cell in enumerate(problem.cells):
        decay = distance_decay(problem, site, cell)
        if decay > 0:
            yield number, [decay * share for share in captures]


def violations(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[str]:
    """A sentence for each rule that a plan breaks; empty if the plan is feasible."""
    problems = [*_capacity_violations(problem, visits), *_rest_violations(problem, visits)]
    for visit in visits:
        site, day = problem.sites[visit.site], problem.days[visit.day]
        if not all(site.opens[day.weekday][block] for block in PATTERNS[visit.pattern]):
            problems.append(f"{site.id} is closed on day {visit.day + 1} at that time")
        if visit in problem.forbidden:
            problems.append(f"the visit to {site.id} on day {visit.day + 1} is ruled out")
    planned = set(visits)
    problems += [
        f"the fixed stand at {problem.sites[visit.site].id} is missing"
        for visit in problem.pinned
        if visit not in planned
    ]
    return problems


def _capacity_violations(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[str]:
    problems = []
    for number, day in enumerate(problem.days):
        of_day = [visit for visit in visits if visit.day == number]
        for resource, available, users in (
            ("crews", day.crews, of_day),
            ("kits", day.kits, [visit for visit in of_day if visit.kit]),
        ):
            load = Counter(block for visit in users for block in PATTERNS[visit.pattern])
            needed = max(load[DayBlock.MORNING] + load[DayBlock.EVENING], load[DayBlock.AFTERNOON])
            if needed > available:
                problems.append(f"day {number + 1} needs {needed} {resource} and has {available}")
    return problems


def _rest_violations(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[str]:
    problems = []
    by_site: dict[int, list[int]] = {}
    for visit in visits:
        by_site.setdefault(visit.site, []).append(visit.day)
    for site, days in by_site.items():
        close = [(a, b) for a, b in pairwise(sorted(days)) if b - a < problem.rules.rest_days]
        problems += [f"{problem.sites[site].id} is visited on days {a + 1} and {b + 1}" for a, b in close]
    return problems


def check_coverage_problem(problem: CoverageProblem) -> Refusal | None:
    """A refusal that names every reason why the problem has no solution; None if it can be solved."""
    problems = violations(problem, problem.pinned)
    if not 1 <= len(problem.days) <= MAX_DAYS:
        problems.append(f"a horizon has 1 to {MAX_DAYS} days, this one has {len(problem.days)}")
    problems += [f"{site.id} has no desk" for site in problem.sites if site.desks < 1]
    problems += [
        f"cell {number + 1} has negative demand" for number, cell in enumerate(problem.cells) if min(cell.demand) < 0
    ]
    return infeasible(problems) if problems else None
