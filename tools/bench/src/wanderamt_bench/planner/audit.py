"""The judge of a plan: counts its worth and its broken rules from the problem, with nothing of the solver."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import exp, hypot

from scheduling.domain.planning import CoverProblem, Visit

BLOCKS = {0: (0,), 1: (1,), 2: (2,), 3: (0, 1), 4: (1, 2)}


def audit(problem: CoverProblem, visits: Sequence[Visit]) -> float:
    """The worth of a plan. Raises AssertionError where it breaks a rule."""
    _allowed(problem, visits)
    rules = problem.rules
    left = [list(cell.wanted) for cell in problem.cells]
    had = Counter(problem.spots[one.spot].district for one in visits)
    for visit in visits:
        spot, day = problem.spots[visit.spot], problem.days[visit.day]
        times = {2} if day.weekday >= 5 else {1 if block == 2 else 0 for block in BLOCKS[visit.pattern]}
        chances = [
            rules.catch * max(one.presence[time] for time in times) if visit.kit or not one.needs_kit else 0.0
            for one in problem.features
        ]
        near = {}
        for number, cell in enumerate(problem.cells):
            away = hypot(cell.x_m - spot.x_m, cell.y_m - spot.y_m)
            if away <= rules.farthest_m:
                near[number] = exp(-((away / rules.walk_m) ** rules.steepness))
        come = sum(
            close * wish * chance
            for number, close in near.items()
            for wish, chance in zip(problem.cells[number].wanted, chances, strict=True)
        )
        places = rules.open_h[len(BLOCKS[visit.pattern]) - 1] * 60 / rules.minutes_each * spot.desks
        served = min(1.0, places / come) if come else 0.0
        for number, close in near.items():
            for at, chance in enumerate(chances):
                left[number][at] *= 1 - close * chance * served
    caught = sum(map(sum, (cell.wanted for cell in problem.cells))) - sum(map(sum, left))
    return caught - rules.shortfall * sum(max(0, least - had[name]) for name, least in problem.least.items())


def _allowed(problem: CoverProblem, visits: Sequence[Visit]) -> None:
    days: dict[int, list[int]] = defaultdict(list)
    for number, day in enumerate(problem.days):
        today = [one for one in visits if one.day == number]
        for those, room in ((today, day.crews), ([one for one in today if one.kit], day.kits)):
            load = Counter(block for one in those for block in BLOCKS[one.pattern])
            assert max(load[0] + load[2], load[1]) <= room, f"day {number} has too few"
    for visit in visits:
        spot, weekday = problem.spots[visit.spot], problem.days[visit.day].weekday
        assert all(spot.opens[weekday][block] for block in BLOCKS[visit.pattern]), f"{spot.id} is closed"
        days[visit.spot].append(visit.day)
    for spot_days in days.values():
        ordered = sorted(spot_days)
        assert all(b - a >= problem.rules.rest_days for a, b in pairwise(ordered))
    assert set(problem.pinned) <= set(visits)
    assert not problem.forbidden & set(visits)
