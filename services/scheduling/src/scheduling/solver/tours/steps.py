"""Steps of the search for tours: what is taken out, how it is filled again, what is kept.

Large-neighbourhood search (Shaw, 1998; Pisinger and Ropke, 2007) with string removal (Christiaens and Vanden Berghe,
2020) and annealing.

Kept true: as the kernel says; the same seed gives the same steps.
"""

import numpy as np
from numba import njit

from scheduling.solver.tours.kernel import NEVER, cut, fill, measure, remember, shorten


@njit(cache=True)
def drop_strings(ground, tours):
    fleet = ground.start.shape[0]
    for _ in range(1 + np.random.randint(min(fleet, 3))):
        k = np.random.randint(fleet)
        if tours.stops[k] > 0:
            many = 1 + np.random.randint(min(tours.stops[k], 10))
            cut(ground, tours, k, np.random.randint(tours.stops[k] - many + 1), many)


@njit(cache=True)
def drop_near(ground, tours, visited):
    """Those around a random site."""
    sites = ground.score.shape[0]
    middle = np.random.randint(sites)
    for _ in range(2 + np.random.randint(min(12, visited))):
        best, chosen = NEVER, -1
        for site in range(sites):
            if tours.of[site] >= 0:
                far = ground.travel[middle, site] * (0.6 + 0.8 * np.random.random())
                if far < best:
                    best, chosen = far, site
        if chosen < 0:
            return
        k = tours.of[chosen]
        for at in range(tours.stops[k]):
            if tours.order[k, at] == chosen:
                cut(ground, tours, k, at, 1)
                break


@njit(cache=True)
def drop_any(ground, tours, visited):
    fleet = ground.start.shape[0]
    for _ in range(1 + np.random.randint(min(8, visited))):
        k = np.random.randint(fleet)
        if tours.stops[k] > 0:
            cut(ground, tours, k, np.random.randint(tours.stops[k]), 1)


@njit(cache=True)
def mend(ground, tours, k):
    """Drops what is worth least per detour until the tour is allowed."""
    while True:
        length = measure(ground, tours.order[k], tours.stops[k], k)
        if length >= 0:
            tours.length[k] = length
            return
        worst, chosen = NEVER, 0
        for at in range(tours.stops[k]):
            site = tours.order[k, at]
            before = ground.start[k] if at == 0 else tours.order[k, at - 1]
            after = ground.end[k] if at == tours.stops[k] - 1 else tours.order[k, at + 1]
            detour = ground.travel[before, site] + ground.travel[site, after] - ground.travel[before, after]
            worth = ground.score[site] / (detour + ground.duration[site] + 1e-6) * (0.7 + 0.6 * np.random.random())
            if worth < worst:
                worst, chosen = worth, at
        cut(ground, tours, k, chosen, 1)


@njit(cache=True)
def swap_tails(ground, tours, row):
    """Two tours exchange what comes after a random place in each; else one is emptied."""
    fleet = ground.start.shape[0]
    one, other = np.random.randint(fleet), np.random.randint(fleet)
    if one == other or np.random.random() < 0.3:
        if tours.stops[one] > 0:
            cut(ground, tours, one, 0, tours.stops[one])
        return
    at, there = np.random.randint(tours.stops[one] + 1), np.random.randint(tours.stops[other] + 1)
    mine, theirs = tours.stops[one] - at, tours.stops[other] - there
    row[:mine] = tours.order[one, at : at + mine]
    for step in range(theirs):
        tours.order[one, at + step] = tours.order[other, there + step]
        tours.of[tours.order[one, at + step]] = one
    for step in range(mine):
        tours.order[other, there + step] = row[step]
        tours.of[row[step]] = other
    tours.stops[one], tours.stops[other] = at + theirs, there + mine
    mend(ground, tours, one)
    mend(ground, tours, other)


@njit(cache=True)
def destroy(ground, tours, scratch):
    visited = tours.stops.sum()
    if visited == 0:
        return
    dice = np.random.random()
    if dice < 0.45:
        drop_strings(ground, tours)
    elif dice < 0.75:
        drop_near(ground, tours, visited)
    elif dice < 0.9:
        drop_any(ground, tours, visited)
    else:
        swap_tails(ground, tours, scratch.row)


@njit(cache=True)
def rebuild(ground, tours, scratch, pool):
    """Fills, shortens, fills what has become free. Every tour is remembered. The score."""
    fleet, sites = ground.start.shape[0], ground.score.shape[0]
    scratch.stale[:] = True
    if np.random.random() < 0.3:
        for site in range(sites):
            scratch.barred[site] = np.random.random() < 0.15
    greed = 0.3 + 1.7 * np.random.random()
    fill(ground, tours, scratch, greed, 0.8 * np.random.random())
    scratch.barred[:] = False
    for k in range(fleet):
        shorten(ground, tours, k, scratch.row)
    scratch.stale[:] = True
    fill(ground, tours, scratch, greed, 0.0)
    for k in range(fleet):
        remember(ground, tours, k, pool)
    worth = 0.0
    for site in range(sites):
        if tours.of[site] >= 0:
            worth += ground.score[site]
    return worth


@njit(cache=True)
def copy(source, into):
    into.order[:] = source.order
    into.stops[:] = source.stops
    into.length[:] = source.length
    into.of[:] = source.of


@njit(cache=True)
def search(ground, now, best, tried, scratch, pool, seed, iterations, hot, cold):
    """`iterations` steps from `now`, keeping the best in `best`; temperatures in units of score. The best score."""
    np.random.seed(seed)
    worth, record = 0.0, 0.0
    for site in range(ground.score.shape[0]):
        worth += ground.score[site] if now.of[site] >= 0 else 0.0
        record += ground.score[site] if best.of[site] >= 0 else 0.0
    for step in range(iterations):
        heat = hot * (cold / hot) ** (step / iterations)
        copy(now, tried)
        destroy(ground, tried, scratch)
        got = rebuild(ground, tried, scratch, pool)
        shorter = got == worth and tried.length.sum() <= now.length.sum() + 1e-9
        if got > worth or shorter or np.random.random() < np.exp((got - worth) / heat):
            copy(tried, now)
            worth = got
            if got > record + 1e-9:
                record = got
                copy(tried, best)
    return record
