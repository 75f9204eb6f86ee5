"""Steps of the search for tours: removal, repair, acceptance.

Large-neighbourhood search (Shaw, 1998; Pisinger and Ropke, 2007) with adjacent string removal (Christiaens and Vanden
Berghe, 2020) and simulated annealing.

Invariants: those of the kernel; the same seed gives the same steps.
"""

import numpy as np
from numba import njit

from scheduling.solver.tours.kernel import NEVER, add_to_pool, greedy_insert, local_search, remove_segment, tour_length


@njit(cache=True)
def adjacent_string_removal(arrays, tours):
    fleet = arrays.start.shape[0]
    for _ in range(1 + np.random.randint(min(fleet, 3))):
        k = np.random.randint(fleet)
        if tours.stops[k] > 0:
            many = 1 + np.random.randint(min(tours.stops[k], 10))
            remove_segment(arrays, tours, k, np.random.randint(tours.stops[k] - many + 1), many)


@njit(cache=True)
def related_removal(arrays, tours, visited):
    """Removes sites near a random site (Shaw removal)."""
    sites = arrays.score.shape[0]
    middle = np.random.randint(sites)
    for _ in range(2 + np.random.randint(min(12, visited))):
        best, chosen = NEVER, -1
        for site in range(sites):
            if tours.tour_of[site] >= 0:
                far = arrays.travel[middle, site] * (0.6 + 0.8 * np.random.random())
                if far < best:
                    best, chosen = far, site
        if chosen < 0:
            return
        k = tours.tour_of[chosen]
        for at in range(tours.stops[k]):
            if tours.order[k, at] == chosen:
                remove_segment(arrays, tours, k, at, 1)
                break


@njit(cache=True)
def random_removal(arrays, tours, visited):
    fleet = arrays.start.shape[0]
    for _ in range(1 + np.random.randint(min(8, visited))):
        k = np.random.randint(fleet)
        if tours.stops[k] > 0:
            remove_segment(arrays, tours, k, np.random.randint(tours.stops[k]), 1)


@njit(cache=True)
def greedy_repair(arrays, tours, k):
    """Removes the site with the lowest score per detour until the tour is feasible."""
    while True:
        length = tour_length(arrays, tours.order[k], tours.stops[k], k)
        if length >= 0:
            tours.length[k] = length
            return
        worst, chosen = NEVER, 0
        for at in range(tours.stops[k]):
            site = tours.order[k, at]
            before = arrays.start[k] if at == 0 else tours.order[k, at - 1]
            after = arrays.end[k] if at == tours.stops[k] - 1 else tours.order[k, at + 1]
            detour = arrays.travel[before, site] + arrays.travel[site, after] - arrays.travel[before, after]
            ratio = arrays.score[site] / (detour + arrays.duration[site] + 1e-6) * (0.7 + 0.6 * np.random.random())
            if ratio < worst:
                worst, chosen = ratio, at
        remove_segment(arrays, tours, k, chosen, 1)


@njit(cache=True)
def exchange_tails(arrays, tours, row):
    """Exchanges the ends of two tours after random positions (2-opt*), or empties one tour."""
    fleet = arrays.start.shape[0]
    first, second = np.random.randint(fleet), np.random.randint(fleet)
    if first == second or np.random.random() < 0.3:
        if tours.stops[first] > 0:
            remove_segment(arrays, tours, first, 0, tours.stops[first])
        return
    first_cut, second_cut = np.random.randint(tours.stops[first] + 1), np.random.randint(tours.stops[second] + 1)
    first_tail, second_tail = tours.stops[first] - first_cut, tours.stops[second] - second_cut
    row[:first_tail] = tours.order[first, first_cut : first_cut + first_tail]
    for step in range(second_tail):
        tours.order[first, first_cut + step] = tours.order[second, second_cut + step]
        tours.tour_of[tours.order[first, first_cut + step]] = first
    for step in range(first_tail):
        tours.order[second, second_cut + step] = row[step]
        tours.tour_of[row[step]] = second
    tours.stops[first], tours.stops[second] = first_cut + second_tail, second_cut + first_tail
    greedy_repair(arrays, tours, first)
    greedy_repair(arrays, tours, second)


@njit(cache=True)
def destroy(arrays, tours, scratch):
    visited = tours.stops.sum()
    if visited == 0:
        return
    draw = np.random.random()
    if draw < 0.45:
        adjacent_string_removal(arrays, tours)
    elif draw < 0.75:
        related_removal(arrays, tours, visited)
    elif draw < 0.9:
        random_removal(arrays, tours, visited)
    else:
        exchange_tails(arrays, tours, scratch.row)


@njit(cache=True)
def repair(arrays, tours, scratch, pool):
    """Inserts sites, shortens the tours, inserts again. Adds every tour to the pool. Returns the score."""
    fleet, sites = arrays.start.shape[0], arrays.score.shape[0]
    scratch.stale[:] = True
    if np.random.random() < 0.3:
        for site in range(sites):
            scratch.barred[site] = np.random.random() < 0.15
    score_exponent = 0.3 + 1.7 * np.random.random()
    greedy_insert(arrays, tours, scratch, score_exponent, 0.8 * np.random.random())
    scratch.barred[:] = False
    for k in range(fleet):
        local_search(arrays, tours, k, scratch.row)
    scratch.stale[:] = True
    greedy_insert(arrays, tours, scratch, score_exponent, 0.0)
    for k in range(fleet):
        add_to_pool(arrays, tours, k, pool)
    score = 0.0
    for site in range(sites):
        if tours.tour_of[site] >= 0:
            score += arrays.score[site]
    return score


@njit(cache=True)
def copy(source, into):
    into.order[:] = source.order
    into.stops[:] = source.stops
    into.length[:] = source.length
    into.tour_of[:] = source.tour_of


@njit(cache=True)
def search(arrays, current, best, candidate, scratch, pool, seed, iterations, start_temperature, end_temperature):
    """Runs `iterations` steps from `current` and keeps the best tours in `best`. Returns the best score.

    The temperatures of the annealing are in units of score.
    """
    np.random.seed(seed)
    current_score, record = 0.0, 0.0
    for site in range(arrays.score.shape[0]):
        current_score += arrays.score[site] if current.tour_of[site] >= 0 else 0.0
        record += arrays.score[site] if best.tour_of[site] >= 0 else 0.0
    for step in range(iterations):
        temperature = start_temperature * (end_temperature / start_temperature) ** (step / iterations)
        copy(current, candidate)
        destroy(arrays, candidate, scratch)
        score = repair(arrays, candidate, scratch, pool)
        shorter = score == current_score and candidate.length.sum() <= current.length.sum() + 1e-9
        if score > current_score or shorter or np.random.random() < np.exp((score - current_score) / temperature):
            copy(candidate, current)
            current_score = score
            if score > record + 1e-9:
                record = score
                copy(candidate, best)
    return record
