"""Assigns a crew, a vehicle and a kit to the visits of a plan, which only counts them.

First the visits of each day become crew-days: one long visit, or two short ones in consecutive blocks, paired so that
the distance between them is shortest. Then an integer program assigns a crew, a vehicle and a kit to each crew-day. It
respects duty, skills, rest between late and early shifts and the working days per week, and assigns as many visits as
possible. A crew-day that cannot be assigned is returned with the reason.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
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

Column = tuple[int, str, str]
"""(index of the crew-day, "crew", "vehicle" or "kit", name)"""

Row = tuple[Any, ...]
"""What two crew-days may not both use, such as a vehicle on one day in one block."""

Options = Mapping[str, Mapping[str, Sequence[str]]]
"""What a crew-day could have: of each kind each name, with the crews that could have it."""

Assignment = dict[str, str]
"""The name of each kind; no kit if none is needed."""


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
    """Assigns as many visits as possible; those of the crew-days that are left come with the reason."""
    options = [_options(day, roster) for day in days]
    chosen = _solve(days, options, roster)
    assigned = [
        AssignedCrewDay(days[number], names["crew"], names["vehicle"], names.get("kit", ""))
        for number, names in sorted(chosen.items())
    ]
    unassigned = [
        UnassignedCrewDay(day, roster.explain_unassigned(day))
        for number, day in enumerate(days)
        if number not in chosen
    ]
    return assigned, unassigned


def _options(day: CrewDay, roster: Roster) -> Options:
    crews = roster.crews_for(day)
    vehicles: dict[str, list[str]] = defaultdict(list)
    kits: dict[str, list[str]] = defaultdict(list)
    for crew in crews:
        for vehicle in roster.vehicles_for(day, crew):
            vehicles[vehicle].append(crew)
        for kit in roster.kits_for(day, crew) if day.kit else ():
            kits[kit].append(crew)
    options: dict[str, Mapping[str, Sequence[str]]] = {
        "crew": {crew: [crew] for crew in crews},
        "vehicle": vehicles,
    }
    return options | {"kit": kits} if day.kit else options


def _uses(day: CrewDay, kind: str, name: str, roster: Roster) -> list[Row]:
    """What a crew, vehicle or kit has used up when it works on this crew-day."""
    if kind != "crew":
        return [(kind, name, day.day, block) for block in day.blocks]
    if not roster.needs_rest(name):
        return [(kind, name, day.day)]
    return [(kind, name, day.day), ("rest", name, day.day if day.late else day.day - 1)]  # late, then early


def _solve(days: Sequence[CrewDay], options: Sequence[Options], roster: Roster) -> dict[int, Assignment]:
    """The assignment of each crew-day that gets one, by its index."""
    columns = [
        (number, kind, name) for number, option in enumerate(options) for kind, able in option.items() for name in able
    ]
    if not columns:
        return {}
    index = {column: at for at, column in enumerate(columns)}
    model = _model(days, options, roster, index)
    start = highspy.HighsSolution()
    start.col_value = _values(_greedy(days, options, roster), index)
    model.setSolution(start)  # so that there is a solution however little time the solver gets
    model.run()
    values = model.getSolution().col_value
    chosen: dict[int, Assignment] = defaultdict(dict)
    for (number, kind, name), value in zip(columns, values, strict=True):
        if value > 0.5:
            chosen[number][kind] = name
    return chosen


def _model(
    days: Sequence[CrewDay], options: Sequence[Options], roster: Roster, index: Mapping[Column, int]
) -> highspy.Highs:
    """Maximises the assigned visits.

    One binary column per crew-day and resource that it could have, not per combination of a crew, a vehicle and a kit:
    their number would grow with the product. A vehicle or kit that needs skills is tied to the crews that have them.
    """
    at_most_one: dict[Row, list[int]] = defaultdict(list)
    a_week: dict[tuple[str, date], list[int]] = defaultdict(list)
    ties: list[tuple[list[int], list[int], bool]] = []  # sum of the first = sum of the second, or at most it
    weights = [0.0] * len(index)
    for number, (day, option) in enumerate(zip(days, options, strict=True)):
        own = {kind: [index[number, kind, name] for name in able] for kind, able in option.items()}
        at_most_one["crew-day", number] = own["crew"]
        ties += [(columns, own["crew"], True) for kind, columns in own.items() if kind != "crew"]
        for kind, able in option.items():
            for name, crews in able.items():
                column = index[number, kind, name]
                weights[column] = _weight(day, kind, name, roster)
                for row in _uses(day, kind, name, roster):
                    at_most_one[row].append(column)
                if kind == "crew":
                    a_week[name, roster.week(day.day)].append(column)
                elif len(crews) < len(own["crew"]):
                    ties.append(([column], [index[number, "crew", crew] for crew in crews], False))
    model = new_model()
    model.addCols(
        *(len(index), np.array(weights), np.zeros(len(index)), np.ones(len(index))),
        *(0, np.zeros(len(index), np.int32), np.zeros(0, np.int32), np.zeros(0)),
    )
    rows = [(columns, [1.0] * len(columns), -highspy.kHighsInf, 1.0) for columns in at_most_one.values()]
    rows += [
        (columns, [1.0] * len(columns), -highspy.kHighsInf, float(roster.days_left(*key)))
        for key, columns in a_week.items()
    ]
    rows += [
        ([*first, *second], [1.0] * len(first) + [-1.0] * len(second), 0.0 if equal else -highspy.kHighsInf, 0.0)
        for first, second, equal in ties
    ]
    for columns, factors, lower, upper in rows:
        model.addRow(lower, upper, len(columns), np.array(columns, np.int32), np.array(factors))
    require_integers(model, len(index))
    model.setOptionValue("time_limit", MAX_SOLVE_S)
    return model


def _weight(day: CrewDay, kind: str, name: str, roster: Roster) -> float:
    match kind:
        case "crew":
            return len(day.visits) * VISIT_WEIGHT - roster.crew_cost(name)
        case "vehicle":
            return -roster.vehicle_cost(name)
        case _:
            return 0.0


def _greedy(days: Sequence[CrewDay], options: Sequence[Options], roster: Roster) -> dict[int, Assignment]:
    """Gives each crew-day in turn the first resources that are free, those with most visits first."""
    chosen: dict[int, Assignment] = {}
    taken: set[Row] = set()
    worked: Counter[tuple[str, date]] = Counter()

    def first_free(day: CrewDay, kind: str, able: Mapping[str, Sequence[str]], crew: str) -> str | None:
        names = (name for name, crews in able.items() if crew in crews)
        return next((name for name in names if taken.isdisjoint(_uses(day, kind, name, roster))), None)

    for number in sorted(range(len(days)), key=lambda number: -len(days[number].visits)):
        day = days[number]
        week = roster.week(day.day)
        for crew in options[number]["crew"]:
            if worked[crew, week] >= roster.days_left(crew, week):
                continue
            names = {kind: first_free(day, kind, able, crew) for kind, able in options[number].items()}
            free = {kind: name for kind, name in names.items() if name is not None}
            if len(free) < len(names):
                continue
            chosen[number] = free
            worked[crew, week] += 1
            taken.update(row for kind, name in free.items() for row in _uses(day, kind, name, roster))
            break
    return chosen


def _values(chosen: Mapping[int, Assignment], index: Mapping[Column, int]) -> list[float]:
    values = [0.0] * len(index)
    for number, names in chosen.items():
        for kind, name in names.items():
            values[index[number, kind, name]] = 1.0
    return values
