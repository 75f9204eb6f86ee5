"""The hot loop of coverage: lazy greedy on marginal gain, and large-neighbourhood search around it.

Greedy on a concave coverage (Nemhauser, Wolsey and Fisher, 1978) with the gains of all types kept up to date: a visit
changes the gains of the places alone that share a cell with it. The search (Shaw, 1998) takes some visits out and lets
a noisy greedy put others in, under annealing. Compiled by numba; the same seed gives the same steps.

Kept true: `missed` is what nobody has caught yet; `gain` [n] what one more visit of each type would catch; `room` and
`free` say on which days a pattern fits and a place has rested. Every function changes its arrays in place.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from scheduling.solver.cover.arrays import FULL, Cover

ONE, NONE = np.uint64(1), np.uint64(0)


class Plan(NamedTuple):
    """`type`, `day` [m]: the visits, of which the first `size[0]` count."""

    type: np.ndarray
    day: np.ndarray
    size: np.ndarray
    missed: np.ndarray
    gain: np.ndarray
    load: np.ndarray
    kit_load: np.ndarray
    room: np.ndarray
    free: np.ndarray
    had: np.ndarray


def empty_plan(cover: Cover) -> Plan:
    days, most = len(cover.crews), int(cover.crews.sum() * 2) + 8
    plan = Plan(
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(1, np.int64),
        cover.wanted.copy(),
        np.zeros(len(cover.spot)),
        np.zeros((days, 3), np.int64),
        np.zeros((days, 3), np.int64),
        np.zeros((5, 2), np.uint64),
        np.full(len(cover.district), FULL),
        np.zeros(len(cover.least), np.int64),
    )
    prepare(cover, plan)
    return plan


@njit(cache=True, nogil=True)
def prepare(cover, plan):
    for day in range(cover.crews.shape[0]):
        look(cover, plan, day)
    for spot in range(cover.district.shape[0]):
        value(cover, plan, spot)


@njit(cache=True, nogil=True)
def copy(source, into):
    size = source.size[0]
    into.type[:size] = source.type[:size]
    into.day[:size] = source.day[:size]
    into.size[0] = size
    into.missed[:] = source.missed
    into.gain[:] = source.gain
    into.load[:] = source.load
    into.kit_load[:] = source.kit_load
    into.room[:] = source.room
    into.free[:] = source.free
    into.had[:] = source.had


@njit(cache=True, nogil=True)
def worth(cover, plan):
    lacking = 0
    for district in range(cover.least.shape[0]):
        lacking += max(0, cover.least[district] - plan.had[district])
    return cover.wanted.sum() - plan.missed.sum() - cover.shortfall * lacking


@njit(cache=True, nogil=True, fastmath=True)
def value(cover, plan, spot):
    """The gains of all types of a place."""
    features = plan.missed.shape[1]
    near = np.zeros(features)
    for place in range(cover.at[spot], cover.at[spot + 1]):
        close, cell = cover.close[place], cover.cell[place]
        for feature in range(features):
            near[feature] += close * plan.missed[cell, feature]
    for kind in range(cover.first[spot], cover.first[spot + 1]):
        gain = 0.0
        for feature in range(features):
            gain += near[feature] * cover.reach[kind, feature]
        plan.gain[kind] = gain


@njit(cache=True, nogil=True, fastmath=True)
def catch(cover, plan, kind, back):
    """What a visit catches is missed no more; `back`: it is again."""
    spot = cover.spot[kind]
    for place in range(cover.at[spot], cover.at[spot + 1]):
        close, cell = cover.close[place], cover.cell[place]
        for feature in range(plan.missed.shape[1]):
            left = 1.0 - close * cover.reach[kind, feature]
            if back:
                plan.missed[cell, feature] /= left
            else:
                plan.missed[cell, feature] *= left


@njit(cache=True, nogil=True)
def look(cover, plan, day):
    """On which patterns a day still has room, with a kit and without."""
    bit = ONE << np.uint64(day)
    crews, kits = cover.crews[day], cover.kits[day]
    for pattern in range(5):
        blocks = cover.blocks[pattern]
        load, carried = plan.load[day], plan.kit_load[day]
        ends = load[0] + blocks[0] + load[2] + blocks[2]
        fits = ends <= crews and load[1] + blocks[1] <= crews
        plan.room[pattern, 0] = plan.room[pattern, 0] | bit if fits else plan.room[pattern, 0] & ~bit
        ends = carried[0] + blocks[0] + carried[2] + blocks[2]
        fits = fits and ends <= kits and carried[1] + blocks[1] <= kits
        plan.room[pattern, 1] = plan.room[pattern, 1] | bit if fits else plan.room[pattern, 1] & ~bit


@njit(cache=True, nogil=True)
def resting(cover, day):
    """Days (bits) on which a place that is visited on `day` rests."""
    days = NONE
    for one in range(max(0, day - cover.rest + 1), min(cover.crews.shape[0], day + cover.rest)):
        days |= ONE << np.uint64(one)
    return days


@njit(cache=True, nogil=True)
def bear(cover, plan, kind, day, sign):
    """The load of a visit on its day, and its district's count."""
    for block in range(3):
        plan.load[day, block] += sign * cover.blocks[cover.pattern[kind], block]
        if cover.kit[kind] == 1:
            plan.kit_load[day, block] += sign * cover.blocks[cover.pattern[kind], block]
    plan.had[cover.district[cover.spot[kind]]] += sign
    look(cover, plan, day)


@njit(cache=True, nogil=True)
def add(cover, plan, kind, day):
    size, spot = plan.size[0], cover.spot[kind]
    plan.type[size], plan.day[size], plan.size[0] = kind, day, size + 1
    catch(cover, plan, kind, False)
    plan.free[spot] &= ~resting(cover, day)
    bear(cover, plan, kind, day, 1)
    for place in range(cover.next_at[spot], cover.next_at[spot + 1]):
        value(cover, plan, cover.next[place])


@njit(cache=True, nogil=True)
def remove(cover, plan, picked, stale):
    """Takes out the picked visits that are not pinned. `stale` [S]: room to work in."""
    kept = 0
    stale[:] = False
    for at in range(plan.size[0]):
        kind, day = plan.type[at], plan.day[at]
        if not picked[at] or cover.pinned[kind, day]:
            plan.type[kept], plan.day[kept] = kind, day
            kept += 1
            continue
        catch(cover, plan, kind, True)
        bear(cover, plan, kind, day, -1)
        spot = cover.spot[kind]
        plan.free[spot] = FULL
        for place in range(cover.next_at[spot], cover.next_at[spot + 1]):
            stale[cover.next[place]] = True
    plan.size[0] = kept
    for at in range(kept):
        plan.free[cover.spot[plan.type[at]]] &= ~resting(cover, plan.day[at])
    for spot in range(stale.shape[0]):
        if stale[spot]:
            value(cover, plan, spot)


@njit(cache=True, nogil=True)
def days_for(cover, plan, kind):
    return cover.open[kind] & plan.free[cover.spot[kind]] & plan.room[cover.pattern[kind], cover.kit[kind]]


@njit(cache=True, nogil=True)
def some_day(days, any_of_them):
    """The first day of the word, or a random one."""
    many, rest = 0, days
    while rest != NONE:
        rest &= rest - ONE
        many += 1
    for _ in range(np.random.randint(many) if any_of_them else 0):
        days &= days - ONE
    day = 0
    while (days >> np.uint64(day)) & ONE == NONE:
        day += 1
    return day


@njit(cache=True, nogil=True)
def fill(cover, plan, noise, per_block, any_day):
    """Greedy: the type with the most gain, or the most per block, until none fits."""
    while plan.size[0] < plan.type.shape[0]:
        best, chosen = 1e-9, -1
        for kind in range(cover.spot.shape[0]):
            if days_for(cover, plan, kind) == NONE:
                continue
            gain = plan.gain[kind]
            district = cover.district[cover.spot[kind]]
            if plan.had[district] < cover.least[district]:
                gain += cover.shortfall
            if per_block and cover.pattern[kind] >= 3:
                gain *= 0.5
            if cover.kit[kind] == 1:
                gain *= 0.999  # of two alike the one that leaves the kit to others
            if noise > 0:
                gain *= 1.0 + noise * (np.random.random() - 0.5)
            if gain > best:
                best, chosen = gain, kind
        if chosen < 0:
            return
        add(cover, plan, chosen, some_day(days_for(cover, plan, chosen), any_day))


@njit(cache=True, nogil=True)
def pick_days(cover, plan, picked):
    day, span = np.random.randint(cover.crews.shape[0]), 1 + np.random.randint(2)
    for at in range(plan.size[0]):
        if day <= plan.day[at] < day + span and np.random.random() < 0.8:
            picked[at] = True


@njit(cache=True, nogil=True)
def pick_near(cover, plan, picked):
    """Around the place of a random visit."""
    middle = cover.spot[plan.type[np.random.randint(plan.size[0])]]
    share, left = 0.2 + 0.6 * np.random.random(), 14
    for at in range(plan.size[0]):
        if left == 0:
            return
        spot = cover.spot[plan.type[at]]
        for place in range(cover.next_at[middle], cover.next_at[middle + 1]):
            if cover.next[place] == spot:
                if np.random.random() < share:
                    picked[at] = True
                    left -= 1
                break


@njit(cache=True, nogil=True)
def loss(cover, plan, kind):
    """What would be missed again without one visit of a type that is in the plan."""
    spot, lost = cover.spot[kind], 0.0
    for place in range(cover.at[spot], cover.at[spot + 1]):
        close, cell = cover.close[place], cover.cell[place]
        for feature in range(plan.missed.shape[1]):
            share = close * cover.reach[kind, feature]
            lost += plan.missed[cell, feature] * share / (1.0 - share)
    return lost


@njit(cache=True, nogil=True)
def pick_poor(cover, plan, picked):
    """Those that would be missed least, of random thirds."""
    for _ in range(2 + np.random.randint(6)):
        worst, chosen = 1e18, -1
        for at in range(plan.size[0]):
            if picked[at] or np.random.random() > 0.3:
                continue
            kind = plan.type[at]
            lost = loss(cover, plan, kind) / cover.blocks[cover.pattern[kind]].sum()
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
    dice = np.random.random()
    if dice < 0.25:
        pick_days(cover, plan, picked)
    elif dice < 0.6:
        pick_near(cover, plan, picked)
    elif dice < 0.8:
        for _ in range(2 + np.random.randint(8)):
            picked[np.random.randint(size)] = True
    else:
        pick_poor(cover, plan, picked)
    remove(cover, plan, picked, stale)


@njit(cache=True, nogil=True)
def search(cover, now, best, tried, picked, stale, seed, iterations, hot, cold):
    """`iterations` steps from `now`, keeping the best in `best`; temperatures in units of worth. The best worth."""
    np.random.seed(seed)
    has, record = worth(cover, now), worth(cover, best)
    for step in range(iterations):
        heat = hot * (cold / hot) ** (step / iterations)
        copy(now, tried)
        destroy(cover, tried, picked, stale)
        fill(cover, tried, 0.25 * np.random.random() ** 2, np.random.random() < 0.7, True)
        got = worth(cover, tried)
        if got >= has or np.random.random() < np.exp((got - has) / heat):
            copy(tried, now)
            has = got
            if got > record + 1e-9:
                record = got
                copy(tried, best)
    return record
