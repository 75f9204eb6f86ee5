"""Checks a plan without the solver: computes its objective from the problem and finds broken rules."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import exp, hypot

from scheduling.domain.coverage_model import CoverageProblem, PlannedVisit

BLOCKS = {0: (0,), 1: (1,), 2: (2,), 3: (0, 1), 4: (1, 2)}


def audit(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> float:
    """The objective of a plan. Raises AssertionError when the plan breaks a rule."""
    _check_rules(problem, visits)
    rules = problem.rules
    unserved = [list(cell.demand) for cell in problem.cells]
    visit_counts = Counter(problem.sites[visit.site].district for visit in visits)
    for visit in visits:
        site, day = problem.sites[visit.site], problem.days[visit.day]
        times = {2} if day.weekday >= 5 else {1 if block == 2 else 0 for block in BLOCKS[visit.pattern]}
        chances = [
            rules.capture_rate * max(group.presence[time] for time in times)
            if visit.kit or not group.needs_kit
            else 0.0
            for group in problem.groups
        ]
        near = {}
        for number, cell in enumerate(problem.cells):
            distance_m = hypot(cell.x_m - site.x_m, cell.y_m - site.y_m)
            if distance_m <= rules.max_walk_m:
                near[number] = exp(-((distance_m / rules.walking_scale_m) ** rules.decay_exponent))
        demand = sum(
            close * wanted * chance
            for number, close in near.items()
            for wanted, chance in zip(problem.cells[number].demand, chances, strict=True)
        )
        capacity = rules.open_hours[len(BLOCKS[visit.pattern]) - 1] * 60 / rules.minutes_per_case * site.desks
        served = min(1.0, capacity / demand) if demand else 0.0
        for number, close in near.items():
            for group, chance in enumerate(chances):
                unserved[number][group] *= 1 - close * chance * served
    served_demand = sum(map(sum, (cell.demand for cell in problem.cells))) - sum(map(sum, unserved))
    return served_demand - rules.shortfall_penalty * sum(
        max(0, min_visits - visit_counts[name]) for name, min_visits in problem.min_visits.items()
    )


def _check_rules(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> None:
    days: dict[int, list[int]] = defaultdict(list)
    for number, day in enumerate(problem.days):
        today = [visit for visit in visits if visit.day == number]
        for group, limit in ((today, day.crews), ([visit for visit in today if visit.kit], day.kits)):
            load = Counter(block for visit in group for block in BLOCKS[visit.pattern])
            assert max(load[0] + load[2], load[1]) <= limit, f"day {number} has too few"
    for visit in visits:
        site, weekday = problem.sites[visit.site], problem.days[visit.day].weekday
        assert all(site.opens[weekday][block] for block in BLOCKS[visit.pattern]), f"{site.id} is closed"
        days[visit.site].append(visit.day)
    for spot_days in days.values():
        ordered = sorted(spot_days)
        assert all(b - a >= problem.rules.rest_days for a, b in pairwise(ordered))
    assert set(problem.pinned) <= set(visits)
    assert not problem.forbidden & set(visits)
