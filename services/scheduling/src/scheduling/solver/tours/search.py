"""Plans tours: search, set packing and bound in turns, until the time is over or the optimum is proven."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np

from scheduling.domain.tour_model import Tour, TourPlan, TourProblem, TourStop, travel_times
from scheduling.solver.tours import kernel, steps
from scheduling.solver.tours.bound import Prices, first_bound, tighten
from scheduling.solver.tours.kernel import NEVER, SLACK, Pool, Scratch, TourArrays, Tours
from scheduling.solver.tours.set_packing import solve_set_packing

POOL_SIZE = 60_000  # tours kept: more than a set packing can use
FIRST_ROUND, GROWTH, LARGEST_ROUND = 1_000, 1.5, 40_000
FIRST_STEPS = 20  # to measure the time of a step
LONGEST_ROUND_S = 5.0
BOUND_STEPS = 40  # between two rounds of the search
MAX_PACKING_S = 3.0
START_TEMPERATURE, END_TEMPERATURE = 1.0, 0.02  # of the annealing, as shares of the highest score

ReportProgress = Callable[[float, float, float], bool]
"""(share of the time used, score, bound) → False to stop."""


@dataclass(frozen=True, slots=True)
class TourLimits:
    """With `iterations` the same seed gives the same plan; without them only `seconds` end the search."""

    seconds: float
    iterations: int | None = None


def plan_tours(problem: TourProblem, limits: TourLimits, report: ReportProgress = lambda *_: True) -> TourPlan:
    """`problem`: already checked. The plan always satisfies every rule."""
    begun = perf_counter()
    arrays, kept = _encode(problem)
    if not len(kept):
        return _plan_of(problem, None, kept, 0.0, begun, 0, "optimal")
    search = _TourSearch(arrays, np.random.default_rng(problem.seed))
    status: Literal["optimal", "time limit", "iteration limit", "cancelled"] = "time limit"
    while True:
        elapsed = perf_counter() - begun
        if search.bound <= search.score + 1e-6:
            status = "optimal"
            break
        if limits.iterations is not None and search.done >= limits.iterations:
            status = "iteration limit"
            break
        if limits.iterations is None and elapsed >= limits.seconds:
            break
        if not report(elapsed / limits.seconds, search.score, search.bound):
            status = "cancelled"
            break
        search.run_round(limits, limits.seconds - elapsed)
    return _plan_of(problem, search.best, kept, search.bound, begun, search.done, status, arrays)


class _TourSearch:
    def __init__(self, arrays: TourArrays, rng: np.random.Generator) -> None:
        sites, fleet = len(arrays.score), len(arrays.start)
        self.arrays, self.best, self._current, self._candidate = arrays, *(_empty(arrays) for _ in range(3))
        self._pool = Pool(
            np.zeros((POOL_SIZE, sites), np.int16),
            np.zeros(POOL_SIZE, np.int64),
            np.zeros(POOL_SIZE),
            np.zeros(POOL_SIZE, np.int64),
            np.zeros(1 << (4 * POOL_SIZE - 1).bit_length(), np.uint64),
            rng.integers(1, 2**63, size=sites, dtype=np.uint64),
            np.zeros(1, np.int64),
        )
        self._scratch = Scratch(
            np.zeros(sites + 2, np.int64),
            np.zeros(sites + 2),
            np.zeros(sites + 2),
            np.zeros((sites, fleet)),
            np.zeros((sites, fleet), np.int64),
            np.ones(fleet, np.bool_),
            np.zeros(sites, np.bool_),
        )
        self._fleet = np.bincount(arrays.kind)
        self._prices = Prices(np.zeros(sites), first_bound(arrays))
        self._step = _common_step(arrays.score)
        self._chance = rng
        self._round, self._size, self._step_s = 0, FIRST_ROUND, 0.0
        self.done, self.score = 0, 0.0

    @property
    def bound(self) -> float:
        """If every score is a multiple of one number, every total is too, and the bound is rounded down to it."""
        bound = self._prices.bound
        return float(np.floor(bound / self._step + 1e-6) * self._step) if self._step else bound

    def run_round(self, limits: TourLimits, left_s: float) -> None:
        many = self._steps_of_round(limits, left_s)
        began = perf_counter()
        top = float(self.arrays.score.max())
        seed = int(self._chance.integers(2**31))
        self.score = steps.search(
            self.arrays,
            self._current,
            self.best,
            self._candidate,
            self._scratch,
            self._pool,
            seed,
            many,
            START_TEMPERATURE * top,
            END_TEMPERATURE * top,
        )
        self._step_s = (perf_counter() - began) / many
        self.done += many
        self._round += 1
        self._size = min(int(self._size * GROWTH), LARGEST_ROUND)
        if limits.iterations is not None or left_s - (perf_counter() - began) > 0.2:
            self._improve_by_packing(left_s - (perf_counter() - began) if limits.iterations is None else NEVER)
        if self._round % 3 == 0:
            steps.copy(self.best, self._current)
        elif self._round % 3 == 1:
            steps.copy(_empty(self.arrays), self._current)

    def _steps_of_round(self, limits: TourLimits, left_s: float) -> int:
        if limits.iterations is not None:
            return max(1, min(self._size, limits.iterations - self.done))
        if not self._step_s:
            return FIRST_STEPS
        return max(1, min(self._size, int(min(left_s, LONGEST_ROUND_S) / self._step_s) + 1))

    def _improve_by_packing(self, left_s: float) -> None:
        sites = len(self.arrays.score)
        if not self._pool.size[0]:
            return
        seconds = min(MAX_PACKING_S, left_s) if left_s < NEVER else NEVER
        packed = solve_set_packing(self._pool, self._fleet, sites=sites, known=self.score, seconds=seconds)
        if len(packed.chosen):
            self._use_tours(packed.chosen)
        start = packed.prices if self._round == 1 else self._prices.per_site
        prices = Prices(start, self._prices.bound, self._prices.step_factor)
        tighten(prices, self.arrays, known=self.score, rounds=BOUND_STEPS)
        self._prices = prices

    def _use_tours(self, chosen: np.ndarray) -> None:
        steps.copy(_empty(self.arrays), self.best)
        free = {int(kind): np.nonzero(self.arrays.kind == kind)[0].tolist() for kind in np.unique(self.arrays.kind)}
        for tour in chosen:
            k, count = free[int(self._pool.kind[tour])].pop(0), int(self._pool.stops[tour])
            self.best.order[k, :count] = self._pool.order[tour, :count]
            self.best.stops[k] = count
            self.best.length[k] = kernel.tour_length(self.arrays, self.best.order[k], count, k)
            self.best.tour_of[self.best.order[k, :count]] = k
        steps.copy(self.best, self._current)
        self.score = float(self.arrays.score[self.best.tour_of >= 0].sum())


def _encode(problem: TourProblem) -> tuple[TourArrays, np.ndarray]:
    """(arrays of the sites that some tour can visit, their indexes in the problem)"""
    times = np.array(travel_times(problem), float)
    crews_of = list(enumerate(problem.crews))
    all_sites, fleet = len(problem.sites), len(problem.crews)
    windows = np.array([site.window or (-NEVER, NEVER) for site in problem.sites], float).reshape(-1, 2)
    durations = np.array([site.duration for site in problem.sites], float)
    reachable = np.zeros(all_sites, bool)
    for number, crew in crews_of:
        start, end = all_sites + 2 * number, all_sites + 2 * number + 1
        length = times[start, :all_sites] + durations + times[:all_sites, end]
        reachable |= (length <= crew.shift + SLACK) & (times[start, :all_sites] <= windows[:, 1] + SLACK)
    kept = np.nonzero(reachable & (np.array([site.score for site in problem.sites], float) > 0))[0]
    points = np.concatenate([kept, np.arange(all_sites, all_sites + 2 * fleet)]).astype(int)
    ends = len(kept) + 2 * np.arange(fleet)
    crews = np.repeat(np.arange(fleet), problem.horizon)
    kind_by_key: dict[tuple[object, ...], int] = {}
    kinds = [
        kind_by_key.setdefault(_crew_key(times, all_sites, number, crew.shift), len(kind_by_key))
        for number, crew in crews_of
    ]
    travel = np.ascontiguousarray(times[np.ix_(points, points)])
    pad = np.zeros(2 * fleet)
    return TourArrays(
        travel=travel,
        duration=np.concatenate([durations[kept], pad]),
        opens=np.concatenate([windows[kept, 0], pad]),
        closes=np.concatenate([windows[kept, 1], pad + NEVER]),
        score=np.array([problem.sites[site].score for site in kept], float),
        start=ends[crews],
        end=ends[crews] + 1,
        limit=np.array([crew.shift for crew in problem.crews], float)[crews],
        kind=np.array(kinds, np.int64)[crews],
        has_windows=bool(any(problem.sites[site].window for site in kept)),
        symmetric=bool(np.allclose(travel, travel.T, rtol=0, atol=1e-12)),
    ), kept


def _common_step(score: np.ndarray) -> int:
    """The greatest common divisor of all scores; 0 if they are not integers."""
    integral = bool((score == np.round(score)).all())
    return int(np.gcd.reduce(score.astype(np.int64))) if integral else 0


def _crew_key(times: np.ndarray, sites: int, number: int, shift: float) -> tuple[object, ...]:
    """Crews with the same key are interchangeable: same start, end and shift."""
    start, end = sites + 2 * number, sites + 2 * number + 1
    return shift, float(times[start, end]), times[start, :sites].tobytes(), times[:sites, end].tobytes()


def _empty(arrays: TourArrays) -> Tours:
    sites, fleet = len(arrays.score), len(arrays.start)
    return Tours(
        np.zeros((fleet, sites), np.int64),
        np.zeros(fleet, np.int64),
        arrays.travel[arrays.start, arrays.end].copy(),
        np.full(sites, -1, np.int64),
    )


def _plan_of(
    problem: TourProblem,
    best: Tours | None,
    kept: np.ndarray,
    bound: float,
    begun: float,
    iterations: int,
    status: Any,
    arrays: TourArrays | None = None,
) -> TourPlan:
    tours = []
    for k in range(len(problem.crews) * problem.horizon):
        crew, day = divmod(k, problem.horizon)
        row = [] if best is None else best.order[k, : best.stops[k]].tolist()
        if row and arrays:
            tours.append(_tour(problem, crew, day + 1, row, kept, arrays, k))
    score = sum(tour.score for tour in tours)
    return TourPlan(
        tours=tours,
        score=score,
        bound=max(bound, score),
        seconds=round(perf_counter() - begun, 3),
        iterations=iterations,
        status=status,
    )


def _tour(
    problem: TourProblem, crew: int, day: int, row: list[int], kept: np.ndarray, arrays: TourArrays, k: int
) -> Tour:
    clock, before, length, stops = 0.0, int(arrays.start[k]), 0.0, []
    for site in row:
        clock = max(clock + arrays.travel[before, site], arrays.opens[site])
        length += arrays.travel[before, site] + arrays.duration[site]
        known = problem.sites[kept[site]]
        stops.append(TourStop(site=known.id, arrives=clock, leaves=clock + known.duration))
        clock, before = clock + known.duration, site
    return Tour(
        crew=problem.crews[crew].id,
        day=day,
        sites=[stop.site for stop in stops],
        stops=stops,
        length=length + float(arrays.travel[before, arrays.end[k]]),
        score=sum(problem.sites[kept[site]].score for site in row),
    )
