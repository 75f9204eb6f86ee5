"""The planner's model as arrays. What is caught depends on place, pattern, weekend and kit alone, never on the day:
such a quadruple is a type of visit, and there are some ten for each place instead of hundreds of dated candidates."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scheduling.domain.planning import PATTERNS, CoverProblem, Visit, reach

FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


class Cover(NamedTuple):
    """n types at S places, C cells x F features, D days. Bits of a word are days.

    `spot`, `pattern`, `kit` [n]; `open` [n]: days on which a visit of the type may be; `first` [S+1]: the types of a
    place; `cell`, `close` under `at` [S+1]: cells near a place and how near; `reach` [n, F]; `next` under `next_at`
    [S+1]: places that share a cell; `blocks` [5, 3]; `crews`, `kits` [D]; `district` [S]; `least` [Q]; `rest`: days.
    """

    spot: np.ndarray
    pattern: np.ndarray
    kit: np.ndarray
    weekend: np.ndarray
    open: np.ndarray
    first: np.ndarray
    at: np.ndarray
    cell: np.ndarray
    close: np.ndarray
    reach: np.ndarray
    next_at: np.ndarray
    next: np.ndarray
    blocks: np.ndarray
    crews: np.ndarray
    kits: np.ndarray
    district: np.ndarray
    least: np.ndarray
    wanted: np.ndarray
    pinned: np.ndarray
    rest: int
    shortfall: float


@dataclass(frozen=True, slots=True)
class Arrays:
    cover: Cover
    types: dict[tuple[int, int, bool, bool], int]  # (spot, pattern, weekend, kit) → its place

    def visits(self, types: np.ndarray, days: np.ndarray) -> list[Visit]:
        cover = self.cover
        return sorted(
            (
                Visit(int(cover.spot[t]), int(day), int(cover.pattern[t]), bool(cover.kit[t]))
                for t, day in zip(types, days, strict=True)
            ),
            key=lambda one: (one.day, one.spot),
        )

    def numbers(self, problem: CoverProblem, visits: list[Visit]) -> tuple[np.ndarray, np.ndarray]:
        """Types and days of visits."""
        types = [self.types[one.spot, one.pattern, problem.days[one.day].weekend, one.kit] for one in visits]
        return np.array(types, np.int64), np.array([one.day for one in visits], np.int64)


def arrays_of(problem: CoverProblem) -> Arrays:
    spots, districts = len(problem.spots), sorted({spot.district for spot in problem.spots} | problem.least.keys())
    at, cell, close = _nearby(problem)
    types = _types(problem)
    columns = np.array(list(types), np.int64).reshape(-1, 4)
    spot = columns[:, 0] if len(columns) else np.zeros(0, np.int64)
    next_at, after = _neighbours(spots, at, cell)
    blocks = np.zeros((len(PATTERNS), 3), np.int64)
    for number, pattern in enumerate(PATTERNS):
        blocks[number, list(pattern)] = 1
    numbers = {key: place for place, key in enumerate(types)}
    pinned = np.zeros((len(types), len(problem.days)), np.bool_)
    for one in problem.pinned:
        pinned[numbers[one.spot, one.pattern, problem.days[one.day].weekend, one.kit], one.day] = True
    cover = Cover(
        spot=spot,
        pattern=columns[:, 1].copy(),
        weekend=columns[:, 2].copy(),
        kit=columns[:, 3].copy(),
        open=np.array([types[key] for key in types], np.uint64),
        first=np.searchsorted(spot, np.arange(spots + 1)),
        at=at,
        cell=cell,
        close=close,
        reach=np.array([reach(problem, s, p, weekend=w, kit=k) for s, p, w, k in types]).reshape(
            len(types), len(problem.features)
        ),
        next_at=next_at,
        next=after,
        blocks=blocks,
        crews=np.array([day.crews for day in problem.days], np.int64),
        kits=np.array([min(day.kits, day.crews) for day in problem.days], np.int64),
        district=np.array([districts.index(one.district) for one in problem.spots], np.int64),
        least=np.array([problem.least.get(name, 0) for name in districts], np.int64),
        wanted=np.array([one.wanted for one in problem.cells], float).reshape(-1, len(problem.features)),
        pinned=pinned,
        rest=problem.rules.rest_days,
        shortfall=problem.rules.shortfall,
    )
    return Arrays(cover, numbers)


def _nearby(problem: CoverProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rules = problem.rules
    places = np.array([(one.x_m, one.y_m) for one in problem.spots], float).reshape(-1, 1, 2)
    homes = np.array([(one.x_m, one.y_m) for one in problem.cells], float).reshape(1, -1, 2)
    away = np.sqrt(((places - homes) ** 2).sum(-1))
    close = np.where(away <= rules.farthest_m, np.exp(-((away / rules.walk_m) ** rules.steepness)), 0.0)
    spot, cell = np.nonzero(close)
    return np.searchsorted(spot, np.arange(len(problem.spots) + 1)), cell, close[spot, cell]


def _types(problem: CoverProblem) -> dict[tuple[int, int, bool, bool], int]:
    """Of every place, with the days (bits) on which they may be."""
    found: dict[tuple[int, int, bool, bool], int] = {}
    barred = {(one.spot, one.pattern, one.kit, one.day) for one in problem.forbidden}
    for number, spot in enumerate(problem.spots):
        for pattern, blocks in enumerate(PATTERNS):
            for weekend in (False, True):
                for kit in (False, True):
                    days = [
                        at
                        for at, day in enumerate(problem.days)
                        if day.weekend == weekend
                        and day.crews > 0
                        and (day.kits > 0 or not kit)
                        and all(spot.opens[day.weekday][block] for block in blocks)
                        and (number, pattern, kit, at) not in barred
                    ]
                    if days:
                        found[number, pattern, weekend, kit] = sum(1 << at for at in days)
    return found


def _neighbours(spots: int, at: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    by_cell: dict[int, list[int]] = {}
    for spot in range(spots):
        for one in cell[at[spot] : at[spot + 1]]:
            by_cell.setdefault(int(one), []).append(spot)
    rows = [
        sorted({spot, *(other for one in cell[at[spot] : at[spot + 1]] for other in by_cell[int(one)])})
        for spot in range(spots)
    ]
    return np.cumsum([0, *map(len, rows)]), np.array([other for row in rows for other in row], np.int64)
