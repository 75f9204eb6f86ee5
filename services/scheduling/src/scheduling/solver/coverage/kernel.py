"""The hot loops of coverage: a greedy on marginal gains, and large-neighbourhood search around it.

The greedy maximises a concave coverage (Nemhauser, Wolsey and Fisher, 1978) and keeps the gains of all types up to
date: a visit changes only the gains of sites that share a cell with it. The search (large-neighbourhood search, Shaw,
1998) removes some visits, lets a noisy greedy insert others, and accepts by simulated annealing. numba compiles the
functions; the same seed gives the same steps.

Invariants: `unserved` is the demand that no visit captures; `gains` [n] is what one more visit of each type would
capture; `days_with_room` and `rested_days` are the days on which a pattern fits and a site has rested. Every function
changes its arrays in place.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from scheduling.solver.coverage.arrays import ALL_DAYS, CoverageArrays

ONE_BIT, NO_DAYS = np.uint64(1), np.uint64(0)


class CoveragePlan(NamedTuple):
    """`type`, `day` [m]: the visits; the first `size[0]` are valid. `load`, `kit_load` [D, 3]: by day and block."""

    type: np.ndarray
    day: np.ndarray
    size: np.ndarray
    unserved: np.ndarray
    gains: np.ndarray
    load: np.ndarray
    kit_load: np.ndarray
    days_with_room: np.ndarray
    rested_days: np.ndarray
    district_visits: np.ndarray


def empty_plan(cover: CoverageArrays) -> CoveragePlan:
    days, most = len(cover.crews), int(cover.crews.sum() * 2) + 8
    plan = CoveragePlan(
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(1, np.int64),
        cover.demand.copy(),
        np.zeros(len(cover.site)),
        np.zeros((days, 3), np.int64),
        np.zeros((days, 3), np.int64),
        np.zeros((5, 2), np.uint64),
        np.full(len(cover.district), ALL_DAYS),
        np.zeros(len(cover.min_visits), np.int64),
    )
    prepare(cover, plan)
    return plan


@njit(cache=True, nogil=True)
def prepare(cover, plan):
    for day in range(cover.crews.shape[0]):
        update_room(cover, plan, day)
    for site in range(cover.district.shape[0]):
        update_gains(cover, plan, site)


@njit(cache=True, nogil=True)
def copy(source, into):
    size = source.size[0]
    into.type[:size] = source.type[:size]
    into.day[:size] = source.day[:size]
    into.size[0] = size
    into.unserved[:] = source.unserved
    into.gains[:] = source.gains
    into.load[:] = source.load
    into.kit_load[:] = source.kit_load
    into.days_with_room[:] = source.days_with_room
    into.rested_days[:] = source.rested_days
    into.district_visits[:] = source.district_visits


@njit(cache=True, nogil=True)
def objective(cover, plan):
    lacking = 0
    for district in range(cover.min_visits.shape[0]):
        lacking += max(0, cover.min_visits[district] - plan.district_visits[district])
    return cover.demand.sum() - plan.unserved.sum() - cover.shortfall_penalty * lacking


@njit(cache=True, nogil=True, fastmath=True)
def update_gains(cover, plan, site):
    """Updates the gains of all types of a site."""
    groups = plan.unserved.shape[1]
    near = np.zeros(groups)
    for place in range(cover.cell_start[site], cover.cell_start[site + 1]):
        decay, cell = cover.decay[place], cover.cells[place]
        for group in range(groups):
            near[group] += decay * plan.unserved[cell, group]
    for kind in range(cover.type_start[site], cover.type_start[site + 1]):
        gain = 0.0
        for group in range(groups):
            gain += near[group] * cover.catchment[kind, group]
        plan.gains[kind] = gain


@njit(cache=True, nogil=True, fastmath=True)
def apply_visit(cover, plan, kind, undo):
    """Removes the captured demand of a visit from `unserved`; `undo`: adds it again."""
    site = cover.site[kind]
    for place in range(cover.cell_start[site], cover.cell_start[site + 1]):
        decay, cell = cover.decay[place], cover.cells[place]
        for group in range(plan.unserved.shape[1]):
            left = 1.0 - decay * cover.catchment[kind, group]
            if undo:
                plan.unserved[cell, group] /= left
            else:
                plan.unserved[cell, group] *= left


@njit(cache=True, nogil=True)
def update_room(cover, plan, day):
    """Updates the patterns for which a day still has a crew, without a kit and with one."""
    bit = ONE_BIT << np.uint64(day)
    crews, kits = cover.crews[day], cover.kits[day]
    for pattern in range(5):
        blocks = cover.blocks[pattern]
        load, carried = plan.load[day], plan.kit_load[day]
        ends = load[0] + blocks[0] + load[2] + blocks[2]
        fits = ends <= crews and load[1] + blocks[1] <= crews
        plan.days_with_room[pattern, 0] = (
            plan.days_with_room[pattern, 0] | bit if fits else plan.days_with_room[pattern, 0] & ~bit
        )
        ends = carried[0] + blocks[0] + carried[2] + blocks[2]
        fits = fits and ends <= kits and carried[1] + blocks[1] <= kits
        plan.days_with_room[pattern, 1] = (
            plan.days_with_room[pattern, 1] | bit if fits else plan.days_with_room[pattern, 1] & ~bit
        )


@njit(cache=True, nogil=True)
def rest_mask(cover, day):
    """Days (bits) on which a site visited on `day` must not be visited again."""
    days = NO_DAYS
    for other_day in range(max(0, day - cover.rest_days + 1), min(cover.crews.shape[0], day + cover.rest_days)):
        days |= ONE_BIT << np.uint64(other_day)
    return days


@njit(cache=True, nogil=True)
def add_load(cover, plan, kind, day, sign):
    """Adds (sign 1) or removes (sign -1) the load of a visit on its day, and counts it for its district."""
    for block in range(3):
        plan.load[day, block] += sign * cover.blocks[cover.pattern[kind], block]
        if cover.kit[kind] == 1:
            plan.kit_load[day, block] += sign * cover.blocks[cover.pattern[kind], block]
    plan.district_visits[cover.district[cover.site[kind]]] += sign
    update_room(cover, plan, day)


@njit(cache=True, nogil=True)
def add(cover, plan, kind, day):
    size, site = plan.size[0], cover.site[kind]
    plan.type[size], plan.day[size], plan.size[0] = kind, day, size + 1
    apply_visit(cover, plan, kind, False)
    plan.rested_days[site] &= ~rest_mask(cover, day)
    add_load(cover, plan, kind, day, 1)
    for place in range(cover.neighbour_start[site], cover.neighbour_start[site + 1]):
        update_gains(cover, plan, cover.neighbours[place])


@njit(cache=True, nogil=True)
def remove(cover, plan, picked, stale):
    """Removes the picked visits that are not pinned. `stale` [S]: working space."""
    kept = 0
    stale[:] = False
    for at in range(plan.size[0]):
        kind, day = plan.type[at], plan.day[at]
        if not picked[at] or cover.pinned[kind, day]:
            plan.type[kept], plan.day[kept] = kind, day
            kept += 1
            continue
        apply_visit(cover, plan, kind, True)
        add_load(cover, plan, kind, day, -1)
        site = cover.site[kind]
        plan.rested_days[site] = ALL_DAYS
        for place in range(cover.neighbour_start[site], cover.neighbour_start[site + 1]):
            stale[cover.neighbours[place]] = True
    plan.size[0] = kept
    for at in range(kept):
        plan.rested_days[cover.site[plan.type[at]]] &= ~rest_mask(cover, plan.day[at])
    for site in range(stale.shape[0]):
        if stale[site]:
            update_gains(cover, plan, site)


@njit(cache=True, nogil=True)
def feasible_days(cover, plan, kind):
    return (
        cover.open_days[kind]
        & plan.rested_days[cover.site[kind]]
        & plan.days_with_room[cover.pattern[kind], cover.kit[kind]]
    )


@njit(cache=True, nogil=True)
def pick_day(days, random_choice):
    """The first day of the word, or a random one of its days."""
    count, left = 0, days
    while left != NO_DAYS:
        left &= left - ONE_BIT
        count += 1
    for _ in range(np.random.randint(count) if random_choice else 0):
        days &= days - ONE_BIT
    day = 0
    while (days >> np.uint64(day)) & ONE_BIT == NO_DAYS:
        day += 1
    return day


@njit(cache=True, nogil=True)
def greedy_fill(cover, plan, noise, per_block, random_day):
    """Adds the type with the largest gain, or the largest gain per block, until none fits.

    `noise`: relative spread of random changes to the gains.
    """
    while plan.size[0] < plan.type.shape[0]:
        best, chosen = 1e-9, -1
        for kind in range(cover.site.shape[0]):
            if feasible_days(cover, plan, kind) == NO_DAYS:
                continue
            gain = plan.gains[kind]
            district = cover.district[cover.site[kind]]
            if plan.district_visits[district] < cover.min_visits[district]:
                gain += cover.shortfall_penalty
            if per_block and cover.pattern[kind] >= 3:
                gain *= 0.5
            if cover.kit[kind] == 1:
                gain *= 0.999  # of two equal types prefer the one that uses no kit
            if noise > 0:
                gain *= 1.0 + noise * (np.random.random() - 0.5)
            if gain > best:
                best, chosen = gain, kind
        if chosen < 0:
            return
        add(cover, plan, chosen, pick_day(feasible_days(cover, plan, chosen), random_day))


@njit(cache=True, nogil=True)
def select_by_day(cover, plan, picked):
    day, span = np.random.randint(cover.crews.shape[0]), 1 + np.random.randint(2)
    for at in range(plan.size[0]):
        if day <= plan.day[at] < day + span and np.random.random() < 0.8:
            picked[at] = True


@njit(cache=True, nogil=True)
def select_near(cover, plan, picked):
    """Picks visits around the site of a random visit."""
    middle = cover.site[plan.type[np.random.randint(plan.size[0])]]
    share, left = 0.2 + 0.6 * np.random.random(), 14
    for at in range(plan.size[0]):
        if left == 0:
            return
        site = cover.site[plan.type[at]]
        for place in range(cover.neighbour_start[middle], cover.neighbour_start[middle + 1]):
            if cover.neighbours[place] == site:
                if np.random.random() < share:
                    picked[at] = True
                    left -= 1
                break


@njit(cache=True, nogil=True)
def removal_loss(cover, plan, kind):
    """The demand that the plan would lose without one visit of this type."""
    site, lost = cover.site[kind], 0.0
    for place in range(cover.cell_start[site], cover.cell_start[site + 1]):
        decay, cell = cover.decay[place], cover.cells[place]
        for group in range(plan.unserved.shape[1]):
            share = decay * cover.catchment[kind, group]
            lost += plan.unserved[cell, group] * share / (1.0 - share)
    return lost


@njit(cache=True, nogil=True)
def select_worst(cover, plan, picked):
    """Picks the visits with the smallest loss per block, each from a random third (worst removal)."""
    for _ in range(2 + np.random.randint(6)):
        worst, chosen = 1e18, -1
        for at in range(plan.size[0]):
            if picked[at] or np.random.random() > 0.3:
                continue
            kind = plan.type[at]
            lost = removal_loss(cover, plan, kind) / cover.blocks[cover.pattern[kind]].sum()
            if lost < worst:
                worst, chosen = lost, at
        if chosen >= 0:
            picked[chosen] = True


@njit(cache=True, nogil=True)
def destroy(cover, plan, picked, stale):
    size = plan.size[0]
    if size == 0:
        return
    picked[:size] = False
    draw = np.random.random()
    if draw < 0.25:
        select_by_day(cover, plan, picked)
    elif draw < 0.6:
        select_near(cover, plan, picked)
    elif draw < 0.8:
        for _ in range(2 + np.random.randint(8)):
            picked[np.random.randint(size)] = True
    else:
        select_worst(cover, plan, picked)
    remove(cover, plan, picked, stale)


@njit(cache=True, nogil=True)
def search(cover, current, best, candidate, picked, stale, seed, iterations, start_temperature, end_temperature):
    """Runs `iterations` steps from `current` and keeps the best plan in `best`. Returns the best objective.

    The temperatures of the annealing are in units of the objective.
    """
    np.random.seed(seed)
    current_objective, record = objective(cover, current), objective(cover, best)
    for step in range(iterations):
        temperature = start_temperature * (end_temperature / start_temperature) ** (step / iterations)
        copy(current, candidate)
        destroy(cover, candidate, picked, stale)
        greedy_fill(cover, candidate, 0.25 * np.random.random() ** 2, np.random.random() < 0.7, True)
        candidate_objective = objective(cover, candidate)
        if candidate_objective >= current_objective or np.random.random() < np.exp(
            (candidate_objective - current_objective) / temperature
        ):
            copy(candidate, current)
            current_objective = candidate_objective
            if candidate_objective > record + 1e-9:
                record = candidate_objective
                copy(candidate, best)
    return record
