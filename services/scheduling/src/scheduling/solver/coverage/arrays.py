"""Encodes the coverage model as arrays.

The captured demand depends on site, pattern, weekend and kit, but not on the day. Such a quadruple is a visit type;
each site has some ten types instead of hundreds of dated candidates.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scheduling.domain.coverage_model import PATTERNS, CoverageProblem, PlannedVisit, catchment

ALL_DAYS = np.uint64(0xFFFFFFFFFFFFFFFF)


class CoverageArrays(NamedTuple):
    """n visit types at S sites, C cells x G groups, D days, Q districts. The bits of a 64-bit word are days.

    Per type [n]: `site`, `pattern`, `kit`, `weekend`, `open_days` (days on which a visit of the type may be), and
    `catchment` [n, G]. `type_start` [S+1]: range of a site's types. `cells` and `decay`, in the ranges `cell_start`
    [S+1]: cells in walking distance of a site, and their distance decay. `neighbours`, in the ranges `neighbour_start`
    [S+1]: sites that share a cell. `blocks` [5, 3]: blocks of each pattern. `crews`, `kits` [D]; `district` [S];
    `min_visits` [Q]; `demand` [C, G]; `pinned` [n, D].
    """

    site: np.ndarray
    pattern: np.ndarray
    kit: np.ndarray
    weekend: np.ndarray
    open_days: np.ndarray
    type_start: np.ndarray
    cell_start: np.ndarray
    cells: np.ndarray
    decay: np.ndarray
    catchment: np.ndarray
    neighbour_start: np.ndarray
    neighbours: np.ndarray
    blocks: np.ndarray
    crews: np.ndarray
    kits: np.ndarray
    district: np.ndarray
    min_visits: np.ndarray
    demand: np.ndarray
    pinned: np.ndarray
    rest_days: int
    shortfall_penalty: float


@dataclass(frozen=True, slots=True)
class EncodedProblem:
    cover: CoverageArrays
    types: dict[tuple[int, int, bool, bool], int]  # (site, pattern, weekend, kit) → index of the type

    def visits(self, types: np.ndarray, days: np.ndarray) -> list[PlannedVisit]:
        cover = self.cover
        return sorted(
            (
                PlannedVisit(int(cover.site[t]), int(day), int(cover.pattern[t]), bool(cover.kit[t]))
                for t, day in zip(types, days, strict=True)
            ),
            key=lambda visit: (visit.day, visit.site),
        )

    def indexes(self, problem: CoverageProblem, visits: list[PlannedVisit]) -> tuple[np.ndarray, np.ndarray]:
        """Types and days of the visits."""
        types = [self.types[visit.site, visit.pattern, problem.days[visit.day].weekend, visit.kit] for visit in visits]
        return np.array(types, np.int64), np.array([visit.day for visit in visits], np.int64)


def encode_problem(problem: CoverageProblem) -> EncodedProblem:
    sites, districts = len(problem.sites), sorted({site.district for site in problem.sites} | problem.min_visits.keys())
    cell_start, cells, decay = _nearby(problem)
    types = _types(problem)
    columns = np.array(list(types), np.int64).reshape(-1, 4)
    site_of_type = columns[:, 0] if len(columns) else np.zeros(0, np.int64)
    neighbour_start, neighbours = _neighbours(sites, cell_start, cells)
    blocks = np.zeros((len(PATTERNS), 3), np.int64)
    for number, pattern in enumerate(PATTERNS):
        blocks[number, list(pattern)] = 1
    indexes = {key: index for index, key in enumerate(types)}
    pinned = np.zeros((len(types), len(problem.days)), np.bool_)
    for visit in problem.pinned:
        key = visit.site, visit.pattern, problem.days[visit.day].weekend, visit.kit
        pinned[indexes[key], visit.day] = True
    cover = CoverageArrays(
        site=site_of_type,
        pattern=columns[:, 1].copy(),
        weekend=columns[:, 2].copy(),
        kit=columns[:, 3].copy(),
        open_days=np.array([types[key] for key in types], np.uint64),
        type_start=np.searchsorted(site_of_type, np.arange(sites + 1)),
        cell_start=cell_start,
        cells=cells,
        decay=decay,
        catchment=np.array([catchment(problem, s, p, weekend=w, kit=k) for s, p, w, k in types]).reshape(
            len(types), len(problem.groups)
        ),
        neighbour_start=neighbour_start,
        neighbours=neighbours,
        blocks=blocks,
        crews=np.array([day.crews for day in problem.days], np.int64),
        kits=np.array([min(day.kits, day.crews) for day in problem.days], np.int64),
        district=np.array([districts.index(site.district) for site in problem.sites], np.int64),
        min_visits=np.array([problem.min_visits.get(name, 0) for name in districts], np.int64),
        demand=np.array([cell.demand for cell in problem.cells], float).reshape(-1, len(problem.groups)),
        pinned=pinned,
        rest_days=problem.rules.rest_days,
        shortfall_penalty=problem.rules.shortfall_penalty,
    )
    return EncodedProblem(cover, indexes)


def _nearby(problem: CoverageProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(cell_start, cells, decay): the cells in walking distance of each site, with their distance decay."""
    rules = problem.rules
    sites = np.array([(site.x_m, site.y_m) for site in problem.sites], float).reshape(-1, 1, 2)
    homes = np.array([(cell.x_m, cell.y_m) for cell in problem.cells], float).reshape(1, -1, 2)
    distance = np.sqrt(((sites - homes) ** 2).sum(-1))
    declined = np.exp(-((distance / rules.walking_scale_m) ** rules.decay_exponent))
    decay = np.where(distance <= rules.max_walk_m, declined, 0.0)
    site_index, cells = np.nonzero(decay)
    starts = np.searchsorted(site_index, np.arange(len(problem.sites) + 1))
    return starts, cells, decay[site_index, cells]


def _types(problem: CoverageProblem) -> dict[tuple[int, int, bool, bool], int]:
    """The visit types of every site, with the days (bits) on which such a visit is possible."""
    types: dict[tuple[int, int, bool, bool], int] = {}
    forbidden = {(visit.site, visit.pattern, visit.kit, visit.day) for visit in problem.forbidden}
    for number, site in enumerate(problem.sites):
        for pattern, blocks in enumerate(PATTERNS):
            for weekend in (False, True):
                for kit in (False, True):
                    days = [
                        index
                        for index, day in enumerate(problem.days)
                        if day.weekend == weekend
                        and day.crews > 0
                        and (day.kits > 0 or not kit)
                        and all(site.opens[day.weekday][block] for block in blocks)
                        and (number, pattern, kit, index) not in forbidden
                    ]
                    if days:
                        types[number, pattern, weekend, kit] = sum(1 << index for index in days)
    return types


def _neighbours(sites: int, cell_start: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(neighbour_start, neighbours): the sites that share a cell with each site, itself included."""
    cells_of = [[int(cell) for cell in cells[cell_start[site] : cell_start[site + 1]]] for site in range(sites)]
    by_cell: dict[int, list[int]] = {}
    for site in range(sites):
        for cell in cells_of[site]:
            by_cell.setdefault(cell, []).append(site)
    rows = [sorted({site, *(other for cell in cells_of[site] for other in by_cell[cell])}) for site in range(sites)]
    return np.cumsum([0, *map(len, rows)]), np.array([other for row in rows for other in row], np.int64)
