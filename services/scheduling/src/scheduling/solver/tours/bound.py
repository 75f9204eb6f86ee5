"""An upper bound of the score: Lagrangian relaxation of "each site at most once" (Held and Karp, 1970).

Each site has a price that reduces its score. Then the tours are independent of each other. Dynamic programming finds
the best single tour among walks that may return to a site, but not immediately (2-cycle elimination; Houck et al.,
1980). It rounds lengths down to whole buckets and ignores time windows: both only enlarge the set of tours, so the
bound is valid. Subgradient steps of Polyak's length change the prices.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from scheduling.solver.tours.kernel import SLACK, TourArrays

BUCKETS = 600
MAX_SITES = 400  # with more sites one walk takes seconds
NOTHING = -1e18


@dataclass
class Prices:
    """Prices per site [n], and the best bound they have proven. `step_factor`: of Polyak's step."""

    per_site: np.ndarray
    bound: float
    step_factor: float = 1.0


def first_bound(arrays: TourArrays) -> float:
    """A cheap bound: a fractional knapsack of all reachable sites in the total time of all tours."""
    sites = len(arrays.score)
    reachable = np.zeros(sites, bool)
    for start, end, limit in {*zip(arrays.start.tolist(), arrays.end.tolist(), arrays.limit.tolist(), strict=True)}:
        length = arrays.travel[start, :sites] + arrays.duration[:sites] + arrays.travel[:sites, end]
        reachable |= length <= limit + SLACK
    points = [*range(sites), *set(arrays.start.tolist()), *set(arrays.end.tolist())]
    distance = arrays.travel[np.ix_(points, points)] + np.diag(np.full(len(points), np.inf))
    least = (distance.min(axis=0)[:sites] + distance.min(axis=1)[:sites]) / 2 + arrays.duration[:sites]
    score, time_left = 0.0, float(arrays.limit.sum()) + SLACK
    for site in sorted(np.nonzero(reachable)[0], key=lambda site: -arrays.score[site] / max(least[site], 1e-9)):
        share = 1.0 if least[site] <= time_left else max(time_left, 0.0) / least[site]
        score += share * arrays.score[site]
        time_left -= least[site]
        if time_left <= 0:
            break
    return float(score)


def tighten(prices: Prices, arrays: TourArrays, *, known: float, rounds: int) -> None:
    """Up to `rounds` subgradient steps; ends when the bound reaches the score `known`."""
    if len(arrays.score) > MAX_SITES:
        return
    _, places, fleet = np.unique(arrays.kind, return_index=True, return_counts=True)
    steps = [_buckets(arrays, int(at)) for at in places]
    price_insertions = prices.per_site.copy()
    for turn in range(rounds):
        visits, value = np.zeros(len(price_insertions)), float(price_insertions.sum())
        for at, many, (size, room) in zip(places, fleet, steps, strict=True):
            best, seen = _walk(arrays.score - price_insertions, size, room, int(arrays.start[at]), int(arrays.end[at]))
            value += many * best
            visits += many * seen
        if value < prices.bound - 1e-9:
            prices.bound, prices.per_site = value, price_insertions.copy()
        elif turn % 10 == 9:
            prices.step_factor *= 0.7
            price_insertions = prices.per_site.copy()
        if prices.bound <= known + 1e-6:
            return
        slope = 1.0 - visits
        slope[(price_insertions <= 0) & (slope > 0)] = 0.0
        norm = float(slope @ slope)
        if norm < 1e-12:
            return
        price_insertions = np.maximum(price_insertions - prices.step_factor * (value - known) / norm * slope, 0.0)


def _buckets(arrays: TourArrays, tour: int) -> tuple[np.ndarray, int]:
    """(travel plus duration in buckets, rounded down; number of buckets of a tour)"""
    unit = max(float(arrays.limit[tour]), 1e-9) / BUCKETS
    size = np.floor((arrays.travel + arrays.duration[None, :]) / unit - 1e-9).astype(np.int64)
    np.fill_diagonal(size, 1)
    short = (size <= 0).any(axis=0)
    return np.maximum(size, 1), int((arrays.limit[tour] + SLACK) / unit) + int(short.sum())


@njit(cache=True)
def _walk(  # noqa: PLR0912 -- one loop that numba compiles
    profit: np.ndarray, size: np.ndarray, room: int, start: int, end: int
) -> tuple[float, np.ndarray]:
    """`profit`: score less price. Returns (value of the best walk, its visits per site); the empty walk has value 0."""
    sites = profit.shape[0]
    value = np.full((2, room + 1, sites), NOTHING)
    came = np.full((2, room + 1, sites), -1, np.int64)
    for site in range(sites):
        at = size[start, site]
        if at <= room and profit[site] > value[0, at, site]:
            value[0, at, site] = profit[site]
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
                total = (second if came[0, at, site] == after else first) + profit[after]
                if total <= NOTHING / 2:
                    continue
                if total > value[0, then, after]:
                    if came[0, then, after] != site:
                        value[1, then, after], came[1, then, after] = value[0, then, after], came[0, then, after]
                    value[0, then, after], came[0, then, after] = total, site
                elif came[0, then, after] != site and total > value[1, then, after]:
                    value[1, then, after], came[1, then, after] = total, site
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
