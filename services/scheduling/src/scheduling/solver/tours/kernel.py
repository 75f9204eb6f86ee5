"""The hot loops of tours: insertion, removal, local search, the pool of tours. numba compiles them.

Invariants: `length[k]` is travel plus duration of tour k; no tour exceeds its limit or breaks a time window;
`tour_of[i]` is the tour that visits site i, -1 for none. The functions change their arrays in place.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

NEVER = 1e18
SLACK = 1e-7  # tolerance of lengths


class TourArrays(NamedTuple):
    """The points are n sites, then the starts and ends of crews.

    Per point: `travel` [p, p], `duration`, `opens`, `closes` [p]. Per site: `score` [n]. Per tour: `start`, `end`
    (points), `limit`, `kind` (tours of one kind have the same start, end and limit). `has_windows`: some site has a
    time window. `symmetric`: travel takes the same time in both directions.
    """

    travel: np.ndarray
    duration: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    score: np.ndarray
    start: np.ndarray
    end: np.ndarray
    limit: np.ndarray
    kind: np.ndarray
    has_windows: bool
    symmetric: bool


class Tours(NamedTuple):
    """`order` [k, n]: the sites of tour k in order; the first `stops[k]` are valid."""

    order: np.ndarray
    stops: np.ndarray
    length: np.ndarray
    tour_of: np.ndarray


class Pool(NamedTuple):
    """Every tour found so far, once. `signs` [n]: a random word per site; `table`: hash table with open addressing."""

    order: np.ndarray
    stops: np.ndarray
    score: np.ndarray
    kind: np.ndarray
    table: np.ndarray
    signs: np.ndarray
    size: np.ndarray


class Scratch(NamedTuple):
    """Working space. `cost`, `place` [n, k]: the cheapest insertion of each site into each tour; `stale` [k]: outdated;
    `barred` [n]: not to be inserted.
    """

    row: np.ndarray
    early: np.ndarray
    late: np.ndarray
    cost: np.ndarray
    place: np.ndarray
    stale: np.ndarray
    barred: np.ndarray


@njit(cache=True)
def tour_length(arrays, order, count, k):
    """Travel plus duration of a tour; -1 if it exceeds its limit or breaks a time window."""
    length, clock, before = 0.0, 0.0, arrays.start[k]
    for at in range(count):
        site = order[at]
        length += arrays.travel[before, site] + arrays.duration[site]
        if arrays.has_windows:
            clock = max(clock + arrays.travel[before, site], arrays.opens[site])
            if clock > arrays.closes[site] + SLACK:
                return -1.0
            clock += arrays.duration[site]
        before = site
    length += arrays.travel[before, arrays.end[k]]
    return -1.0 if length > arrays.limit[k] + SLACK else length


@njit(cache=True)
def update_time_limits(arrays, order, count, k, scratch):
    """Per stop: the earliest departure, and the latest start that keeps the rest of the tour feasible."""
    clock, before = 0.0, arrays.start[k]
    for at in range(count):
        site = order[at]
        clock = max(clock + arrays.travel[before, site], arrays.opens[site]) + arrays.duration[site]
        scratch.early[at] = clock
        before = site
    last, after = NEVER, arrays.end[k]
    for at in range(count - 1, -1, -1):
        site = order[at]
        last = min(arrays.closes[site], last - arrays.travel[site, after] - arrays.duration[site])
        scratch.late[at] = last
        after = site


@njit(cache=True)
def fits_windows(arrays, order, count, site, at, before, after, scratch):
    """Whether the time windows allow `site` between two stops. Call `update_time_limits` first."""
    begin = arrays.travel[before, site] + (scratch.early[at - 1] if at > 0 else 0.0)
    begin = max(begin, arrays.opens[site])
    if begin > arrays.closes[site] + SLACK:
        return False
    return at == count or begin + arrays.duration[site] + arrays.travel[site, after] <= scratch.late[at] + SLACK


@njit(cache=True)
def price_insertions(arrays, tours, k, scratch):
    """Computes the cheapest insertion of every unvisited site into tour k."""
    order, count = tours.order[k], tours.stops[k]
    room = arrays.limit[k] - tours.length[k] + SLACK
    if arrays.has_windows:
        update_time_limits(arrays, order, count, k, scratch)
    for site in range(arrays.score.shape[0]):
        if tours.tour_of[site] >= 0:
            continue
        best, place, before = NEVER, -1, arrays.start[k]
        for at in range(count + 1):
            after = arrays.end[k] if at == count else order[at]
            more = (
                arrays.travel[before, site]
                + arrays.duration[site]
                + arrays.travel[site, after]
                - arrays.travel[before, after]
            )
            if (
                more < best
                and more <= room
                and (not arrays.has_windows or fits_windows(arrays, order, count, site, at, before, after, scratch))
            ):
                best, place = more, at
            before = after
        scratch.cost[site, k], scratch.place[site, k] = best, place
    scratch.stale[k] = False


@njit(cache=True)
def insert(tours, site, k, at, more):
    for later in range(tours.stops[k], at, -1):
        tours.order[k, later] = tours.order[k, later - 1]
    tours.order[k, at] = site
    tours.stops[k] += 1
    tours.length[k] += more
    tours.tour_of[site] = k


@njit(cache=True)
def greedy_insert(arrays, tours, scratch, score_exponent, noise):
    """Inserts the site with the highest score**score_exponent per added length, with noise, until none fits."""
    sites, fleet = arrays.score.shape[0], arrays.start.shape[0]
    while True:
        for k in range(fleet):
            if scratch.stale[k]:
                price_insertions(arrays, tours, k, scratch)
        best, chosen, into = -1.0, -1, -1
        for site in range(sites):
            if tours.tour_of[site] >= 0 or scratch.barred[site]:
                continue
            for k in range(fleet):
                if scratch.place[site, k] < 0:
                    continue
                ratio = arrays.score[site] ** score_exponent / max(scratch.cost[site, k], 1e-6)
                ratio *= 1.0 + noise * (np.random.random() - 0.5)
                if ratio > best:
                    best, chosen, into = ratio, site, k
        if chosen < 0:
            return
        insert(tours, chosen, into, scratch.place[chosen, into], scratch.cost[chosen, into])
        scratch.stale[into] = True


@njit(cache=True)
def remove_segment(arrays, tours, k, at, many):
    """Removes `many` sites from tour k, from position `at` on."""
    count = tours.stops[k]
    before = arrays.start[k] if at == 0 else tours.order[k, at - 1]
    after = arrays.end[k] if at + many == count else tours.order[k, at + many]
    gone, last = 0.0, before
    for place in range(at, at + many):
        site = tours.order[k, place]
        gone += arrays.travel[last, site] + arrays.duration[site]
        last = site
        tours.tour_of[site] = -1
    gone += arrays.travel[last, after]
    for place in range(at, count - many):
        tours.order[k, place] = tours.order[k, place + many]
    tours.stops[k] = count - many
    tours.length[k] += arrays.travel[before, after] - gone


@njit(cache=True)
def two_opt(arrays, tours, k, row):
    """2-opt (Croes, 1958): applies the first reversal that shortens the tour. Returns whether there was one."""
    order, count = tours.order[k], tours.stops[k]
    for first in range(count - 1):
        before = arrays.start[k] if first == 0 else order[first - 1]
        for last in range(first + 1, count):
            after = arrays.end[k] if last == count - 1 else order[last + 1]
            saved = arrays.travel[before, order[first]] + arrays.travel[order[last], after]
            saved -= arrays.travel[before, order[last]] + arrays.travel[order[first], after]
            if arrays.symmetric and saved <= 1e-9:
                continue
            for at in range(count):
                row[at] = order[first + last - at] if first <= at <= last else order[at]
            if not arrays.symmetric or arrays.has_windows:
                length = tour_length(arrays, row, count, k)
                if length < 0 or length >= tours.length[k] - 1e-9:
                    continue
                saved = tours.length[k] - length
            order[first : last + 1] = row[first : last + 1]
            tours.length[k] -= saved
            return True
    return False


@njit(cache=True)
def or_opt(arrays, tours, k, many, row):
    """Or-opt (Or, 1976): moves a string of `many` sites to its best place. Returns whether a move shortens the tour."""
    order, count = tours.order[k], tours.stops[k]
    for first in range(count - many + 1):
        before = arrays.start[k] if first == 0 else order[first - 1]
        after = arrays.end[k] if first + many == count else order[first + many]
        head, tail = order[first], order[first + many - 1]
        saved = arrays.travel[before, head] + arrays.travel[tail, after] - arrays.travel[before, after]
        best, place = 1e-9, -1
        for at in range(count - many + 1):
            if at == first:
                continue
            left = arrays.start[k] if at == 0 else order[at - 1 if at - 1 < first else at - 1 + many]
            right = arrays.end[k] if at == count - many else order[at if at < first else at + many]
            more = arrays.travel[left, head] + arrays.travel[tail, right] - arrays.travel[left, right]
            if saved - more > best:
                best, place = saved - more, at
        if place < 0:
            continue
        into = 0
        for at in range(count - many + 1):
            if at == place:
                for inside in range(many):
                    row[into] = order[first + inside]
                    into += 1
            if at < count - many:
                row[into] = order[at if at < first else at + many]
                into += 1
        if arrays.has_windows and tour_length(arrays, row, count, k) < 0:
            continue
        order[:count] = row[:count]
        tours.length[k] -= best
        return True
    return False


@njit(cache=True)
def local_search(arrays, tours, k, row):
    better = True
    while better:
        better = two_opt(arrays, tours, k, row)
        for many in range(1, 4):
            if tours.stops[k] > many and or_opt(arrays, tours, k, many, row):
                better = True


@njit(cache=True)
def add_to_pool(arrays, tours, k, pool):
    count = tours.stops[k]
    size = pool.size[0]
    if count == 0 or size >= pool.order.shape[0]:
        return
    word = np.uint64(arrays.kind[k] + 1) * np.uint64(0x9E3779B97F4A7C15)
    for at in range(count):
        word ^= pool.signs[tours.order[k, at]]
    mask = np.uint64(pool.table.shape[0] - 1)
    slot = word & mask
    while pool.table[np.int64(slot)] != 0:
        if pool.table[np.int64(slot)] == word:
            return
        slot = (slot + np.uint64(1)) & mask
    pool.table[np.int64(slot)] = word
    score = 0.0
    for at in range(count):
        pool.order[size, at] = tours.order[k, at]
        score += arrays.score[tours.order[k, at]]
    pool.stops[size], pool.score[size], pool.kind[size] = count, score, arrays.kind[k]
    pool.size[0] = size + 1
