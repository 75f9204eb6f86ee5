"""The planner's model: which places to visit on which days of a horizon, so that most of what is wanted is served.

What a plan is worth (a concave coverage, so that whoever is near two stands is counted once): an item is what people of
one cell and one group want of one class of services. A visit catches a share of it,

    share = catch x nearness x presence x offered x min(1, capacity / what would come to a first visit)

and several visits catch 1 - (1 - share) x (1 - share') x ... of it. The worth of a plan is the sum over all items of
weight x what is caught, less `shortfall` for every visit that a district lacks to its minimum.

Kept true by every plan: a day's visits fit the crews, vehicles and kits that are out; a place rests `rest_days` days
between two visits; pinned visits are in it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from math import exp, hypot

from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import impossible

MAX_DAYS = 62
SATURDAY = 5


class Block(IntEnum):
    """Of a day. A crew works two that follow each other: an early shift the first two, a late one the last two."""

    MORNING = 0
    AFTERNOON = 1
    EVENING = 2


PATTERNS: tuple[tuple[Block, ...], ...] = (
    (Block.MORNING,),
    (Block.AFTERNOON,),
    (Block.EVENING,),
    (Block.MORNING, Block.AFTERNOON),
    (Block.AFTERNOON, Block.EVENING),
)


class Time(IntEnum):
    """When people are where: it decides who is met."""

    DAY = 0
    EVENING = 1
    WEEKEND = 2


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that may be visited. `opens` [weekday][block]; `x_m`, `y_m`: metres in any plane grid."""

    id: str
    x_m: float
    y_m: float
    district: str
    desks: int
    opens: tuple[tuple[bool, bool, bool], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Where people live. `wanted` [feature]: weighted wishes over the horizon."""

    x_m: float
    y_m: float
    wanted: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """A group with a class of services. `presence` [Time]: the share of the group that can come then."""

    name: str
    presence: tuple[float, float, float]
    needs_kit: bool


@dataclass(frozen=True, slots=True)
class Day:
    """`weekday`: 0 is Monday. `crews`: how many may be out at once (on duty, and a vehicle each); `kits`: of those."""

    weekday: int
    crews: int
    kits: int

    @property
    def weekend(self) -> bool:
        return self.weekday >= SATURDAY


@dataclass(frozen=True, slots=True)
class Rules:
    """`open_h`: of a visit of one block and of two, set-up, tear-down and travel taken off. `walk_m`: the distance at
    which 1/e of the people still come, falling with `steepness`; nobody comes from beyond `farthest_m`."""

    catch: float = 0.75
    walk_m: float = 900.0
    steepness: float = 1.3
    farthest_m: float = 2_500.0
    open_h: tuple[float, float] = (2.8, 6.4)
    minutes_each: float = 15.0
    rest_days: int = 7
    shortfall: float = 15.0


@dataclass(frozen=True, slots=True)
class Visit:
    """`spot`, `day`: places in the problem's lists; `pattern`: in PATTERNS."""

    spot: int
    day: int
    pattern: int
    kit: bool


@dataclass(frozen=True, slots=True)
class CoverProblem:
    """`least`: how many visits each district wants. `pinned`: visits that stay, `forbidden`: that must not be."""

    spots: tuple[Spot, ...]
    cells: tuple[Cell, ...]
    features: tuple[Feature, ...]
    days: tuple[Day, ...]
    least: dict[str, int]
    rules: Rules = Rules()
    pinned: tuple[Visit, ...] = ()
    forbidden: frozenset[Visit] = frozenset()


def nearness(problem: CoverProblem, spot: Spot, cell: Cell) -> float:
    rules = problem.rules
    away = hypot(spot.x_m - cell.x_m, spot.y_m - cell.y_m)
    return exp(-((away / rules.walk_m) ** rules.steepness)) if away <= rules.farthest_m else 0.0


def times_of(pattern: int, *, weekend: bool) -> tuple[Time, ...]:
    if weekend:
        return (Time.WEEKEND,)
    return tuple(Time.EVENING if block is Block.EVENING else Time.DAY for block in PATTERNS[pattern])


def reach(problem: CoverProblem, spot: int, pattern: int, *, weekend: bool, kit: bool) -> tuple[float, ...]:
    """Per feature the share that a visit catches of somebody who lives next to it."""
    rules, place = problem.rules, problem.spots[spot]
    times = times_of(pattern, weekend=weekend)
    raw = [
        rules.catch * max(one.presence[time] for time in times) * float(kit or not one.needs_kit)
        for one in problem.features
    ]
    would_come = sum(
        close * sum(wanted * share for wanted, share in zip(cell.wanted, raw, strict=True))
        for cell in problem.cells
        if (close := nearness(problem, place, cell)) > 0
    )
    capacity = rules.open_h[len(PATTERNS[pattern]) - 1] * 60 / rules.minutes_each * place.desks
    return tuple(share * min(1.0, capacity / would_come) if would_come > 0 else 0.0 for share in raw)


def worth(problem: CoverProblem, visits: Sequence[Visit]) -> float:
    """As the module says, in plain steps."""
    caught = sum(sum(cell.wanted) for cell in problem.cells) - sum(map(sum, missed(problem, visits)))
    return caught - problem.rules.shortfall * sum(lacks(problem, visits).values())


def missed(problem: CoverProblem, visits: Sequence[Visit]) -> list[list[float]]:
    """What no visit catches, per cell and feature."""
    left = [list(cell.wanted) for cell in problem.cells]
    for visit in visits:
        for cell, shares in shares_of(problem, visit):
            for feature, share in enumerate(shares):
                left[cell][feature] *= 1 - share
    return left


def lacks(problem: CoverProblem, visits: Iterable[Visit]) -> dict[str, int]:
    """Per district how many visits are missing to its minimum, where some are."""
    had = Counter(problem.spots[visit.spot].district for visit in visits)
    return {name: least - had[name] for name, least in problem.least.items() if least > had[name]}


def shares_of(problem: CoverProblem, visit: Visit) -> Iterator[tuple[int, list[float]]]:
    """Of each cell that is near enough: its place in the list, and per feature the share that the visit catches."""
    weekend = problem.days[visit.day].weekend
    catches = reach(problem, visit.spot, visit.pattern, weekend=weekend, kit=visit.kit)
    spot = problem.spots[visit.spot]
    for number, cell in enumerate(problem.cells):
        close = nearness(problem, spot, cell)
        if close > 0:
            yield number, [close * share for share in catches]


def broken(problem: CoverProblem, visits: Sequence[Visit]) -> list[str]:
    """Each rule that a plan breaks, in words; empty: it may be done."""
    told = [*_day_conflicts(problem, visits), *_rest_conflicts(problem, visits)]
    for visit in visits:
        spot, day = problem.spots[visit.spot], problem.days[visit.day]
        if not all(spot.opens[day.weekday][block] for block in PATTERNS[visit.pattern]):
            told.append(f"{spot.id} is closed on day {visit.day + 1} at that time")
        if visit in problem.forbidden:
            told.append(f"the visit to {spot.id} on day {visit.day + 1} is ruled out")
    there = set(visits)
    told += [f"the fixed stand at {problem.spots[one.spot].id} is gone" for one in problem.pinned if one not in there]
    return told


def _day_conflicts(problem: CoverProblem, visits: Sequence[Visit]) -> list[str]:
    told = []
    for number, day in enumerate(problem.days):
        for what, has, those in (
            ("crews", day.crews, [one for one in visits if one.day == number]),
            ("kits", day.kits, [one for one in visits if one.day == number and one.kit]),
        ):
            load = Counter(block for one in those for block in PATTERNS[one.pattern])
            needs = max(load[Block.MORNING] + load[Block.EVENING], load[Block.AFTERNOON])
            if needs > has:
                told.append(f"day {number + 1} needs {needs} {what} and has {has}")
    return told


def _rest_conflicts(problem: CoverProblem, visits: Sequence[Visit]) -> list[str]:
    told = []
    by_spot: dict[int, list[int]] = {}
    for visit in visits:
        by_spot.setdefault(visit.spot, []).append(visit.day)
    for spot, days in by_spot.items():
        ordered = sorted(days)
        close = [(a, b) for a, b in pairwise(ordered) if b - a < problem.rules.rest_days]
        told += [f"{problem.spots[spot].id} is visited on days {a + 1} and {b + 1}" for a, b in close]
    return told


def check_cover(problem: CoverProblem) -> Refusal | None:
    """Why nobody can plan this; None where it can be planned."""
    told = broken(problem, problem.pinned)
    if not 1 <= len(problem.days) <= MAX_DAYS:
        told.append(f"a horizon has 1 to {MAX_DAYS} days, this one has {len(problem.days)}")
    told += [f"{spot.id} has no desk" for spot in problem.spots if spot.desks < 1]
    told += [f"cell {at + 1} wants less than nothing" for at, cell in enumerate(problem.cells) if min(cell.wanted) < 0]
    return impossible(told) if told else None
