"""Assigns a crew, a vehicle and a kit to the visits of a plan, which only counts them.

First the visits of each day become crew-days: one long visit, or two short ones in consecutive blocks, paired so that
the distance between them is shortest. Then an integer program assigns a crew, a vehicle and a kit to each crew-day. It
respects duty, skills, rest between late and early shifts and the working days per week, and assigns as many visits as
possible. A crew-day that cannot be assigned is returned with the reason.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations
from math import hypot
from typing import Any

import highspy
import numpy as np

from scheduling.domain.coverage_model import PATTERNS, CoverageProblem, DayBlock, PlannedVisit
from scheduling.domain.plan_proposal import AssignedCrewDay, CrewDay, Roster, UnassignedCrewDay
from scheduling.solver.highs import new_model, require_integers

MAX_EXACT_PAIRS = 6  # up to so many visits of a day every pairing is tried
MAX_SOLVE_S = 20.0
KIT_CHANGE_M = 1e6  # penalty for a pair of which only one visit needs the kit
VISIT_WEIGHT = 1_000.0

Option = tuple[int, str, str, str]
"""(index of the crew-day, crew, vehicle, kit)"""


def crew_days(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[CrewDay]:
    """Puts every visit into one crew-day. Early: morning and afternoon; late: afternoon and evening."""
    days: list[CrewDay] = []
    for day in sorted({visit.day for visit in visits}):
        of_day = [visit for visit in visits if visit.day == day]
        long = [visit for visit in of_day if len(PATTERNS[visit.pattern]) > 1]
        days += [CrewDay(day, (visit,), late=PATTERNS[visit.pattern][-1] is DayBlock.EVENING) for visit in long]
        short = {block: [visit for visit in of_day if PATTERNS[visit.pattern] == (block,)] for block in DayBlock}
        left = list(short[DayBlock.AFTERNOON])
        for firsts, late in ((short[DayBlock.MORNING], False), (short[DayBlock.EVENING], True)):
            for visit, partner in _pair(problem, firsts, left):
                stops = (visit,) if partner is None else (partner, visit) if late else (visit, partner)
                days.append(CrewDay(day, stops, late=late))
                if partner is not None:
                    left.remove(partner)
        days += [CrewDay(day, (visit,), late=False) for visit in left]
    return days


def _pair(
    problem: CoverageProblem, firsts: Sequence[PlannedVisit], others: Sequence[PlannedVisit]
) -> list[tuple[PlannedVisit, PlannedVisit | None]]:
    """Pairs each of the first visits with another one while there are any, with the least total distance."""

    def distance(visit: PlannedVisit, partner: PlannedVisit | None) -> float:
        if partner is None:
            return 0.0
        a, b = problem.sites[visit.site], problem.sites[partner.site]
        penalty = KIT_CHANGE_M if visit.kit != partner.kit and (visit.kit or partner.kit) else 0.0
        return hypot(a.x_m - b.x_m, a.y_m - b.y_m) + penalty

    pool: list[PlannedVisit | None] = [*others, *([None] * max(0, len(firsts) - len(others)))]
    if len(pool) <= MAX_EXACT_PAIRS:
        best = min(permutations(pool, len(firsts)), key=lambda partners: sum(map(distance, firsts, partners)))
        return list(zip(firsts, best, strict=True))
    pairs: list[tuple[PlannedVisit, PlannedVisit | None]] = []
    for visit in firsts:
        nearest = min(pool, key=lambda partner: distance(visit, partner))
        pool.remove(nearest)
        pairs.append((visit, nearest))
    return pairs


def assign_crews(days: Sequence[CrewDay], roster: Roster) -> tuple[list[AssignedCrewDay], list[UnassignedCrewDay]]:
    options = [
        (number, crew, vehicle, kit)
        for number, day in enumerate(days)
        for crew in roster.crews_for(day)
        for vehicle in roster.vehicles_for(day, crew)
        for kit in (roster.kits_for(day, crew) if day.kit else ("",))
    ]
    chosen = _solve(days, options, roster) if options else []
    assigned = [AssignedCrewDay(days[number], crew, vehicle, kit) for number, crew, vehicle, kit in chosen]
    done = {number for number, *_ in chosen}
    unassigned = [
        UnassignedCrewDay(day, roster.explain_unassigned(day)) for number, day in enumerate(days) if number not in done
    ]
    return assigned, unassigned


def _solve(days: Sequence[CrewDay], options: Sequence[Option], roster: Roster) -> list[Option]:
    """Maximises the assigned visits. One binary column per option, one row per limited resource."""
    rows: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for column, (number, crew, vehicle, kit) in enumerate(options):
        day = days[number]
        rows["crew-day", number].append(column)
        rows["crew", crew, day.day].append(column)
        rows["week", crew, roster.week(day.day)].append(column)
        for block in day.blocks:
            rows["vehicle", vehicle, day.day, block].append(column)
            if kit:
                rows["kit", kit, day.day, block].append(column)
        if roster.needs_rest(crew):  # a late shift and the early one on the next day
            rows["rest", crew, day.day if day.late else day.day - 1].append(column)
    model = new_model()
    upper = [float(roster.days_left(*key[1:])) if key[0] == "week" else 1.0 for key in rows]
    columns, none = len(options), np.zeros(0, np.int32)
    weights = np.array(
        [
            len(days[number].visits) * VISIT_WEIGHT - roster.assignment_cost(crew, vehicle)
            for number, crew, vehicle, _ in options
        ]
    )
    zeros = np.zeros(columns, np.int32)
    model.addCols(columns, weights, np.zeros(columns), np.ones(columns), 0, zeros, none, np.zeros(0))
    starts = np.cumsum([0, *map(len, rows.values())])[:-1].astype(np.int32)
    index = np.array([column for row in rows.values() for column in row], np.int32)
    lower = np.full(len(upper), -highspy.kHighsInf)
    model.addRows(len(upper), lower, np.array(upper), len(index), starts, index, np.ones(len(index)))
    require_integers(model, columns)
    model.setOptionValue("time_limit", MAX_SOLVE_S)
    model.run()
    values = model.getSolution().col_value
    return [option for option, value in zip(options, values, strict=True) if value > 0.5] if len(values) else []
