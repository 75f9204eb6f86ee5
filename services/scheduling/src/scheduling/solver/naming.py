"""Who and what goes where: names crew, vehicle and kit for the visits of a plan that counts them only.

First the visits of each day become crew-days: one long visit, or two short ones of following blocks, paired so that the
way between them is shortest. Then a whole-number program names a crew, a vehicle and a kit for each: by duty and
skills, late and early shifts apart, no more days a week than allowed; as many crew-days as can be, evenly spread. What
cannot be named is left out, with the reason.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations
from math import hypot
from typing import Any

import highspy
import numpy as np

from scheduling.domain.planning import PATTERNS, Block, CoverProblem, Visit
from scheduling.domain.proposal import CrewDay, Named, Roster, Unnamed
from scheduling.solver.highs import quiet_model, whole

FEW = 6  # pairs of a day that are tried in every order
SECONDS = 20.0


def crew_days(problem: CoverProblem, visits: Sequence[Visit]) -> list[CrewDay]:
    """Every visit once. Early: morning and afternoon; late: afternoon and evening."""
    found: list[CrewDay] = []
    for day in sorted({one.day for one in visits}):
        there = [one for one in visits if one.day == day]
        long = [one for one in there if len(PATTERNS[one.pattern]) > 1]
        found += [CrewDay(day, (one,), late=PATTERNS[one.pattern][-1] is Block.EVENING) for one in long]
        short = {block: [one for one in there if PATTERNS[one.pattern] == (block,)] for block in Block}
        left = list(short[Block.AFTERNOON])
        for first, late in ((short[Block.MORNING], False), (short[Block.EVENING], True)):
            for one, other in _paired(problem, first, left):
                stops = (one,) if other is None else (other, one) if late else (one, other)
                found.append(CrewDay(day, stops, late=late))
                if other is not None:
                    left.remove(other)
        found += [CrewDay(day, (one,), late=False) for one in left]
    return found


def _paired(
    problem: CoverProblem, firsts: Sequence[Visit], others: Sequence[Visit]
) -> list[tuple[Visit, Visit | None]]:
    """Each of the first with one of the others, as far as they last, by the shortest way in all."""

    def way(one: Visit, other: Visit | None) -> float:
        if other is None:
            return 0.0
        a, b = problem.spots[one.spot], problem.spots[other.spot]
        apart = 1e6 if one.kit != other.kit and (one.kit or other.kit) else 0.0  # a kit stays with its crew
        return hypot(a.x_m - b.x_m, a.y_m - b.y_m) + apart

    pool: list[Visit | None] = [*others, *([None] * max(0, len(firsts) - len(others)))]
    if len(pool) <= FEW:
        best = min(permutations(pool, len(firsts)), key=lambda those: sum(map(way, firsts, those)))
        return list(zip(firsts, best, strict=True))
    pairs: list[tuple[Visit, Visit | None]] = []
    for one in firsts:
        nearest = min(pool, key=lambda other: way(one, other))
        pool.remove(nearest)
        pairs.append((one, nearest))
    return pairs


def name(days: Sequence[CrewDay], roster: Roster) -> tuple[list[Named], list[Unnamed]]:
    """`roster`: who may do which crew-day with which vehicle and kit."""
    options = [
        (at, crew, vehicle, kit)
        for at, one in enumerate(days)
        for crew in roster.crews_for(one)
        for vehicle in roster.vehicles_for(one, crew)
        for kit in (roster.kits_for(one, crew) if one.kit else ("",))
    ]
    chosen = _solve(days, options, roster) if options else []
    named = [Named(days[at], crew, vehicle, kit) for at, crew, vehicle, kit in chosen]
    done = {at for at, *_ in chosen}
    return named, [Unnamed(one, roster.why_not(one)) for at, one in enumerate(days) if at not in done]


Option = tuple[int, str, str, str]


def _solve(days: Sequence[CrewDay], options: Sequence[Option], roster: Roster) -> list[Option]:
    rows: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for column, (at, crew, vehicle, kit) in enumerate(options):
        day = days[at]
        rows["crew-day", at].append(column)
        rows["crew", crew, day.day].append(column)
        rows["week", crew, roster.week(day.day)].append(column)
        for block in day.blocks:
            rows["vehicle", vehicle, day.day, block].append(column)
            if kit:
                rows["kit", kit, day.day, block].append(column)
        if roster.rests(crew):  # a late day and the early one after it
            rows["rest", crew, day.day if day.late else day.day - 1].append(column)
    model = quiet_model()
    upper = [float(roster.days_left(*key[1:])) if key[0] == "week" else 1.0 for key in rows]
    many, none = len(options), np.zeros(0, np.int32)
    worth = np.array([len(days[at].visits) * 1_000.0 - roster.cost(crew, vehicle) for at, crew, vehicle, _ in options])
    zeros = np.zeros(many, np.int32)
    model.addCols(many, worth, np.zeros(many), np.ones(many), 0, zeros, none, np.zeros(0))
    starts = np.cumsum([0, *map(len, rows.values())])[:-1].astype(np.int32)
    index = np.array([column for row in rows.values() for column in row], np.int32)
    lower = np.full(len(upper), -highspy.kHighsInf)
    model.addRows(len(upper), lower, np.array(upper), len(index), starts, index, np.ones(len(index)))
    whole(model, many)
    model.setOptionValue("time_limit", SECONDS)
    model.run()
    found = model.getSolution().col_value
    return [option for option, taken in zip(options, found, strict=True) if taken > 0.5] if len(found) else []
