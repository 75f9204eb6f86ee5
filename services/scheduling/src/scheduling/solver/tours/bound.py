"""What no plan of tours can score: Lagrangian relaxation of "each site at most once" (Held and Karp, 1970).

A price on each site is taken off its score; then tours need not know of each other, and the best one by itself is found
by dynamic programming over walks that may come back to a site, but not at once (2-cycle elimination; Houck et al.,
1980). Lengths are rounded down to whole buckets, windows are left out: both allow more than is allowed, so the bound
holds. Prices are moved by subgradients with Polyak's step.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from scheduling.solver.tours.kernel import SLACK, Ground

BUCKETS = 600
WIDEST = 400  # sites; beyond, one walk takes seconds
NOTHING = -1e18


@dataclass
class Prices:
    """Of sites [n], with the best bound they have proven. Kept from one call to the next."""

    of: np.ndarray
    bound: float
    pace: float = 1.0


def first_bound(ground: Ground) -> float:
    """Cheap: every site that a tour can reach, as far as the time of all tours lasts (a fractional knapsack)."""
    sites = len(ground.score)
    reach = np.zeros(sites, bool)
    for start, end, limit in {*zip(ground.start.tolist(), ground.end.tolist(), ground.limit.tolist(), strict=True)}:
        there = ground.travel[start, :sites] + ground.duration[:sites] + ground.travel[:sites, end]
        reach |= there <= limit + SLACK
    points = [*range(sites), *set(ground.start.tolist()), *set(ground.end.tolist())]
    away = ground.travel[np.ix_(points, points)] + np.diag(np.full(len(points), np.inf))
    least = (away.min(axis=0)[:sites] + away.min(axis=1)[:sites]) / 2 + ground.duration[:sites]
    worth, room = 0.0, float(ground.limit.sum()) + SLACK
    for site in sorted(np.nonzero(reach)[0], key=lambda one: -ground.score[one] / max(least[one], 1e-9)):
        share = 1.0 if least[site] <= room else max(room, 0.0) / least[site]
        worth += share * ground.score[site]
        room -= least[site]
        if room <= 0:
            break
    return float(worth)


def tighten(prices: Prices, ground: Ground, *, known: float, rounds: int) -> None:
    """Up to `rounds` steps; ends when the bound is as good as `known`."""
    if len(ground.score) > WIDEST:
        return
    _, places, fleet = np.unique(ground.kind, return_index=True, return_counts=True)
    steps = [_buckets(ground, int(at)) for at in places]
    price = prices.of.copy()
    for turn in range(rounds):
        visits, value = np.zeros(len(price)), float(price.sum())
        for at, many, (size, room) in zip(places, fleet, steps, strict=True):
            best, seen = _walk(ground.score - price, size, room, int(ground.start[at]), int(ground.end[at]))
            value += many * best
            visits += many * seen
        if value < prices.bound - 1e-9:
            prices.bound, prices.of = value, price.copy()
        elif turn % 10 == 9:
            prices.pace *= 0.7
            price = prices.of.copy()
        if prices.bound <= known + 1e-6:
            return
        slope = 1.0 - visits
        slope[(price <= 0) & (slope > 0)] = 0.0
        norm = float(slope @ slope)
        if norm < 1e-12:
            return
        price = np.maximum(price - prices.pace * (value - known) / norm * slope, 0.0)


def _buckets(ground: Ground, tour: int) -> tuple[np.ndarray, int]:
    """Steps in buckets between points, rounded down, and how many a tour has."""
    unit = max(float(ground.limit[tour]), 1e-9) / BUCKETS
    size = np.floor((ground.travel + ground.duration[None, :]) / unit - 1e-9).astype(np.int64)
    np.fill_diagonal(size, 1)
    short = (size <= 0).any(axis=0)
    return np.maximum(size, 1), int((ground.limit[tour] + SLACK) / unit) + int(short.sum())


@njit(cache=True)
def _walk(  # noqa: PLR0912 -- one loop that numba compiles
    worth: np.ndarray, size: np.ndarray, room: int, start: int, end: int
) -> tuple[float, np.ndarray]:
    """The best walk, and how often it is at each site. A walk may stay at home: its value is never below 0."""
    sites = worth.shape[0]
    value = np.full((2, room + 1, sites), NOTHING)
    came = np.full((2, room + 1, sites), -1, np.int64)
    for site in range(sites):
        at = size[start, site]
        if at <= room and worth[site] > value[0, at, site]:
            value[0, at, site] = worth[site]
    top, last, when = 0.0, -1, 0
    for at in range(room + 1):
        for site in range(sites):
            first, second = value[0, at, site], value[1, at, site]
            if first <= NOTHING:
                continue
            if at + size[site, end] <= room and first > top:
                top, last, when = first, site, at
            for after in range(sites):
                then = at + size[site, after]
                if after == site or then > room:
                    continue
                got = (second if came[0, at, site] == after else first) + worth[after]
                if got <= NOTHING / 2:
                    continue
                if got > value[0, then, after]:
                    if came[0, then, after] != site:
                        value[1, then, after], came[1, then, after] = value[0, then, after], came[0, then, after]
                    value[0, then, after], came[0, then, after] = got, site
                elif came[0, then, after] != site and got > value[1, then, after]:
                    value[1, then, after], came[1, then, after] = got, site
    visits = np.zeros(sites)
    rank, barred = 0, -1
    while last >= 0:
        visits[last] += 1.0
        rank = 1 if came[0, when, last] == barred and barred >= 0 else 0
        before = came[rank, when, last]
        if before < 0:
            break
        barred = last
        when -= size[before, last]
        last = before
    return top, visits
