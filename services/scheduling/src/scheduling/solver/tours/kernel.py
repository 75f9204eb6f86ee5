"""The hot loops of tours: measure, insert, cut, shorten, remember. Compiled by numba; arrays are changed in place.

Kept true: `length[k]` is travel plus duration of tour k; no tour is longer than its limit, none breaks a window;
`of[i]` is the tour that visits site i, -1 for none.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

NEVER = 1e18
SLACK = 1e-7  # of lengths: below it two are the same


class Ground(NamedTuple):
    """n sites, then the ends of tours. `travel` [p, p], `duration`, `opens`, `closes` [p]; `score` [n]; per tour
    `start`, `end` (points), `limit`, `kind`. `timed`: some site has a window; `mirrored`: travel is alike both ways."""

    travel: np.ndarray
    duration: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    score: np.ndarray
    start: np.ndarray
    end: np.ndarray
    limit: np.ndarray
    kind: np.ndarray
    timed: bool
    mirrored: bool


class Tours(NamedTuple):
    """`order` [k, n]: the sites of tour k in order, of which the first `stops[k]` count."""

    order: np.ndarray
    stops: np.ndarray
    length: np.ndarray
    of: np.ndarray


class Pool(NamedTuple):
    """Every tour that was seen, once. `signs` [n]: a random word for each site; `table`: of hashes, open addressing."""

    order: np.ndarray
    stops: np.ndarray
    score: np.ndarray
    kind: np.ndarray
    table: np.ndarray
    signs: np.ndarray
    size: np.ndarray


class Scratch(NamedTuple):
    """Room to work in. `cost`, `place` [n, k]: the cheapest insertion of each site into each tour; `stale` [k]."""

    row: np.ndarray
    early: np.ndarray
    late: np.ndarray
    cost: np.ndarray
    place: np.ndarray
    stale: np.ndarray
    barred: np.ndarray


@njit(cache=True)
def measure(ground, order, count, k):
    """Travel plus duration of a tour; -1 where it is too long or breaks a window."""
    length, clock, before = 0.0, 0.0, ground.start[k]
    for at in range(count):
        site = order[at]
        length += ground.travel[before, site] + ground.duration[site]
        if ground.timed:
            clock = max(clock + ground.travel[before, site], ground.opens[site])
            if clock > ground.closes[site] + SLACK:
                return -1.0
            clock += ground.duration[site]
        before = site
    length += ground.travel[before, ground.end[k]]
    return -1.0 if length > ground.limit[k] + SLACK else length


@njit(cache=True)
def clocks(ground, order, count, k, scratch):
    """Per stop when it is left at the earliest, and when it must begin at the latest so that the rest fits."""
    clock, before = 0.0, ground.start[k]
    for at in range(count):
        site = order[at]
        clock = max(clock + ground.travel[before, site], ground.opens[site]) + ground.duration[site]
        scratch.early[at] = clock
        before = site
    last, after = NEVER, ground.end[k]
    for at in range(count - 1, -1, -1):
        site = order[at]
        last = min(ground.closes[site], last - ground.travel[site, after] - ground.duration[site])
        scratch.late[at] = last
        after = site


@njit(cache=True)
def in_time(ground, order, count, site, at, before, after, scratch):
    """Whether `site` fits between its new neighbours by the clock. Needs `clocks`."""
    begin = ground.travel[before, site] + (scratch.early[at - 1] if at > 0 else 0.0)
    begin = max(begin, ground.opens[site])
    if begin > ground.closes[site] + SLACK:
        return False
    return at == count or begin + ground.duration[site] + ground.travel[site, after] <= scratch.late[at] + SLACK


@njit(cache=True)
def price(ground, tours, k, scratch):
    """The cheapest insertion of every free site into tour k."""
    order, count = tours.order[k], tours.stops[k]
    room = ground.limit[k] - tours.length[k] + SLACK
    if ground.timed:
        clocks(ground, order, count, k, scratch)
    for site in range(ground.score.shape[0]):
        if tours.of[site] >= 0:
            continue
        best, place, before = NEVER, -1, ground.start[k]
        for at in range(count + 1):
            after = ground.end[k] if at == count else order[at]
            more = (
                ground.travel[before, site]
                + ground.duration[site]
                + ground.travel[site, after]
                - ground.travel[before, after]
            )
            if (
                more < best
                and more <= room
                and (not ground.timed or in_time(ground, order, count, site, at, before, after, scratch))
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
    tours.of[site] = k


@njit(cache=True)
def fill(ground, tours, scratch, greed, noise):
    """Inserts the site with the most score**greed per length, blurred by noise, until none fits."""
    sites, fleet = ground.score.shape[0], ground.start.shape[0]
    while True:
        for k in range(fleet):
            if scratch.stale[k]:
                price(ground, tours, k, scratch)
        best, chosen, into = -1.0, -1, -1
        for site in range(sites):
            if tours.of[site] >= 0 or scratch.barred[site]:
                continue
            for k in range(fleet):
                if scratch.place[site, k] < 0:
                    continue
                worth = ground.score[site] ** greed / max(scratch.cost[site, k], 1e-6)
                worth *= 1.0 + noise * (np.random.random() - 0.5)
                if worth > best:
                    best, chosen, into = worth, site, k
        if chosen < 0:
            return
        insert(tours, chosen, into, scratch.place[chosen, into], scratch.cost[chosen, into])
        scratch.stale[into] = True


@njit(cache=True)
def cut(ground, tours, k, at, many):
    """Takes `many` sites out of tour k from position `at` on."""
    count = tours.stops[k]
    before = ground.start[k] if at == 0 else tours.order[k, at - 1]
    after = ground.end[k] if at + many == count else tours.order[k, at + many]
    gone, last = 0.0, before
    for place in range(at, at + many):
        site = tours.order[k, place]
        gone += ground.travel[last, site] + ground.duration[site]
        last = site
        tours.of[site] = -1
    gone += ground.travel[last, after]
    for place in range(at, count - many):
        tours.order[k, place] = tours.order[k, place + many]
    tours.stops[k] = count - many
    tours.length[k] += ground.travel[before, after] - gone


@njit(cache=True)
def reverse_some(ground, tours, k, row):
    """2-opt (Croes, 1958): the first reversal that shortens the tour. Whether there was one."""
    order, count = tours.order[k], tours.stops[k]
    for first in range(count - 1):
        before = ground.start[k] if first == 0 else order[first - 1]
        for last in range(first + 1, count):
            after = ground.end[k] if last == count - 1 else order[last + 1]
            saved = ground.travel[before, order[first]] + ground.travel[order[last], after]
            saved -= ground.travel[before, order[last]] + ground.travel[order[first], after]
            if ground.mirrored and saved <= 1e-9:
                continue
            for at in range(count):
                row[at] = order[first + last - at] if first <= at <= last else order[at]
            if not ground.mirrored or ground.timed:
                length = measure(ground, row, count, k)
                if length < 0 or length >= tours.length[k] - 1e-9:
                    continue
                saved = tours.length[k] - length
            order[first : last + 1] = row[first : last + 1]
            tours.length[k] -= saved
            return True
    return False


@njit(cache=True)
def shift_some(ground, tours, k, many, row):
    """Or-opt (Or, 1976): the best new place for a string of `many` sites, where one shortens the tour."""
    order, count = tours.order[k], tours.stops[k]
    for first in range(count - many + 1):
        before = ground.start[k] if first == 0 else order[first - 1]
        after = ground.end[k] if first + many == count else order[first + many]
        head, tail = order[first], order[first + many - 1]
        saved = ground.travel[before, head] + ground.travel[tail, after] - ground.travel[before, after]
        best, place = 1e-9, -1
        for at in range(count - many + 1):
            if at == first:
                continue
            left = ground.start[k] if at == 0 else order[at - 1 if at - 1 < first else at - 1 + many]
            right = ground.end[k] if at == count - many else order[at if at < first else at + many]
            more = ground.travel[left, head] + ground.travel[tail, right] - ground.travel[left, right]
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
        if ground.timed and measure(ground, row, count, k) < 0:
            continue
        order[:count] = row[:count]
        tours.length[k] -= best
        return True
    return False


@njit(cache=True)
def shorten(ground, tours, k, row):
    better = True
    while better:
        better = reverse_some(ground, tours, k, row)
        for many in range(1, 4):
            if tours.stops[k] > many and shift_some(ground, tours, k, many, row):
                better = True


@njit(cache=True)
def remember(ground, tours, k, pool):
    count = tours.stops[k]
    size = pool.size[0]
    if count == 0 or size >= pool.order.shape[0]:
        return
    word = np.uint64(ground.kind[k] + 1) * np.uint64(0x9E3779B97F4A7C15)
    for at in range(count):
        word ^= pool.signs[tours.order[k, at]]
    mask = np.uint64(pool.table.shape[0] - 1)
    slot = word & mask
    while pool.table[np.int64(slot)] != 0:
        if pool.table[np.int64(slot)] == word:
            return
        slot = (slot + np.uint64(1)) & mask
    pool.table[np.int64(slot)] = word
    worth = 0.0
    for at in range(count):
        pool.order[size, at] = tours.order[k, at]
        worth += ground.score[tours.order[k, at]]
    pool.stops[size], pool.score[size], pool.kind[size] = count, worth, ground.kind[k]
    pool.size[0] = size + 1
