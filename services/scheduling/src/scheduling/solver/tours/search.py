"""Plans tours: search, packing and bound in turns, until the time is over or nothing better can exist."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

import numpy as np

from scheduling.domain.touring import Stop, Tour, TourAnswer, TourProblem, travel_times
from scheduling.solver.tours import kernel, steps
from scheduling.solver.tours.bound import Prices, first_bound, tighten
from scheduling.solver.tours.kernel import NEVER, SLACK, Ground, Pool, Scratch, Tours
from scheduling.solver.tours.packing import pack

SEEN = 60_000  # tours remembered: more than a set packing can use
FIRST_ROUND, GROWTH, LARGEST_ROUND = 1_000, 1.5, 40_000
FIRST_LOOK = 20  # steps, to learn how long one takes
LONGEST_ROUND_S = 5.0
BOUND_STEPS = 40  # between two rounds
PACK_S = 3.0
HOT, COLD = 1.0, 0.02  # temperatures, as shares of the highest score

Told = Callable[[float, float, float], bool]
"""(share of the time that is over, score, bound) → whether to go on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`iterations`: with them the same seed gives the same plan; without, `seconds` alone end it."""

    seconds: float
    iterations: int | None = None


def plan_tours(problem: TourProblem, limits: Limits, told: Told = lambda *_: True) -> TourAnswer:
    """`problem` has been checked. A plan that keeps every rule, in any case."""
    begun = perf_counter()
    ground, kept = _ground(problem)
    if not len(kept):
        return _answer(problem, None, kept, 0.0, begun, 0, "optimal")
    quest = _Quest(ground, np.random.default_rng(problem.seed))
    status: Literal["optimal", "time limit", "iteration limit", "cancelled"] = "time limit"
    while True:
        over = perf_counter() - begun
        if quest.bound <= quest.score + 1e-6:
            status = "optimal"
            break
        if limits.iterations is not None and quest.done >= limits.iterations:
            status = "iteration limit"
            break
        if limits.iterations is None and over >= limits.seconds:
            break
        if not told(over / limits.seconds, quest.score, quest.bound):
            status = "cancelled"
            break
        quest.turn(limits, limits.seconds - over)
    return _answer(problem, quest.best, kept, quest.bound, begun, quest.done, status, ground)


class _Quest:
    def __init__(self, ground: Ground, chance: np.random.Generator) -> None:
        sites, fleet = len(ground.score), len(ground.start)
        self.ground, self.best, self._now, self._tried = ground, *(_empty(ground) for _ in range(3))
        self._pool = Pool(
            np.zeros((SEEN, sites), np.int16),
            np.zeros(SEEN, np.int64),
            np.zeros(SEEN),
            np.zeros(SEEN, np.int64),
            np.zeros(1 << (4 * SEEN - 1).bit_length(), np.uint64),
            chance.integers(1, 2**63, size=sites, dtype=np.uint64),
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
        self._fleet = np.bincount(ground.kind)
        self._prices = Prices(np.zeros(sites), first_bound(ground))
        self._step = _common_step(ground.score)
        self._chance = chance
        self._round, self._size, self._pace = 0, FIRST_ROUND, 0.0
        self.done, self.score = 0, 0.0

    @property
    def bound(self) -> float:
        """Where every score is a multiple of a step, so is every sum of them."""
        bound = self._prices.bound
        return float(np.floor(bound / self._step + 1e-6) * self._step) if self._step else bound

    def turn(self, limits: Limits, left_s: float) -> None:
        many = self._many(limits, left_s)
        began = perf_counter()
        top = float(self.ground.score.max())
        seed = int(self._chance.integers(2**31))
        self.score = steps.search(
            self.ground,
            self._now,
            self.best,
            self._tried,
            self._scratch,
            self._pool,
            seed,
            many,
            HOT * top,
            COLD * top,
        )
        self._pace = (perf_counter() - began) / many
        self.done += many
        self._round += 1
        self._size = min(int(self._size * GROWTH), LARGEST_ROUND)
        if limits.iterations is not None or left_s - (perf_counter() - began) > 0.2:
            self._pack(left_s - (perf_counter() - began) if limits.iterations is None else NEVER)
        if self._round % 3 == 0:
            steps.copy(self.best, self._now)
        elif self._round % 3 == 1:
            steps.copy(_empty(self.ground), self._now)

    def _many(self, limits: Limits, left_s: float) -> int:
        if limits.iterations is not None:
            return max(1, min(self._size, limits.iterations - self.done))
        if not self._pace:
            return FIRST_LOOK
        return max(1, min(self._size, int(min(left_s, LONGEST_ROUND_S) / self._pace) + 1))

    def _pack(self, left_s: float) -> None:
        sites = len(self.ground.score)
        if not self._pool.size[0]:
            return
        seconds = min(PACK_S, left_s) if left_s < NEVER else NEVER
        packed = pack(self._pool, self._fleet, sites=sites, known=self.score, seconds=seconds)
        if len(packed.chosen):
            self._take(packed.chosen)
        start = packed.prices if self._round == 1 else self._prices.of
        prices = Prices(start, self._prices.bound, self._prices.pace)
        tighten(prices, self.ground, known=self.score, rounds=BOUND_STEPS)
        self._prices = prices

    def _take(self, chosen: np.ndarray) -> None:
        steps.copy(_empty(self.ground), self.best)
        free = {int(kind): np.nonzero(self.ground.kind == kind)[0].tolist() for kind in np.unique(self.ground.kind)}
        for one in chosen:
            k, count = free[int(self._pool.kind[one])].pop(0), int(self._pool.stops[one])
            self.best.order[k, :count] = self._pool.order[one, :count]
            self.best.stops[k] = count
            self.best.length[k] = kernel.measure(self.ground, self.best.order[k], count, k)
            self.best.of[self.best.order[k, :count]] = k
        steps.copy(self.best, self._now)
        self.score = float(self.ground.score[self.best.of >= 0].sum())


def _ground(problem: TourProblem) -> tuple[Ground, np.ndarray]:
    """The arrays, of the sites alone that some tour can visit, with their places in the problem."""
    times = np.array(travel_times(problem), float)
    crews_of = list(enumerate(problem.crews))
    everywhere, fleet = len(problem.sites), len(problem.crews)
    windows = np.array([site.window or (-NEVER, NEVER) for site in problem.sites], float).reshape(-1, 2)
    lasts = np.array([site.duration for site in problem.sites], float)
    reach = np.zeros(everywhere, bool)
    for number, crew in crews_of:
        start, end = everywhere + 2 * number, everywhere + 2 * number + 1
        way = times[start, :everywhere] + lasts + times[:everywhere, end]
        reach |= (way <= crew.shift + SLACK) & (times[start, :everywhere] <= windows[:, 1] + SLACK)
    kept = np.nonzero(reach & (np.array([site.score for site in problem.sites], float) > 0))[0]
    points = np.concatenate([kept, np.arange(everywhere, everywhere + 2 * fleet)]).astype(int)
    ends = len(kept) + 2 * np.arange(fleet)
    crews = np.repeat(np.arange(fleet), problem.horizon)
    alike: dict[tuple[object, ...], int] = {}
    kinds = [
        alike.setdefault(_likeness(times, everywhere, number, crew.shift), len(alike)) for number, crew in crews_of
    ]
    travel = np.ascontiguousarray(times[np.ix_(points, points)])
    pad = np.zeros(2 * fleet)
    return Ground(
        travel=travel,
        duration=np.concatenate([lasts[kept], pad]),
        opens=np.concatenate([windows[kept, 0], pad]),
        closes=np.concatenate([windows[kept, 1], pad + NEVER]),
        score=np.array([problem.sites[one].score for one in kept], float),
        start=ends[crews],
        end=ends[crews] + 1,
        limit=np.array([crew.shift for crew in problem.crews], float)[crews],
        kind=np.array(kinds, np.int64)[crews],
        timed=bool(any(problem.sites[one].window for one in kept)),
        mirrored=bool(np.allclose(travel, travel.T, rtol=0, atol=1e-12)),
    ), kept


def _common_step(score: np.ndarray) -> int:
    """The greatest number that divides every score; 0 where they are not whole."""
    whole = bool((score == np.round(score)).all())
    return int(np.gcd.reduce(score.astype(np.int64))) if whole else 0


def _likeness(times: np.ndarray, sites: int, number: int, shift: float) -> tuple[object, ...]:
    """Crews of the same start, end and shift are one kind: what one can do, the other can."""
    start, end = sites + 2 * number, sites + 2 * number + 1
    return shift, float(times[start, end]), times[start, :sites].tobytes(), times[:sites, end].tobytes()


def _empty(ground: Ground) -> Tours:
    sites, fleet = len(ground.score), len(ground.start)
    return Tours(
        np.zeros((fleet, sites), np.int64),
        np.zeros(fleet, np.int64),
        ground.travel[ground.start, ground.end].copy(),
        np.full(sites, -1, np.int64),
    )


def _answer(
    problem: TourProblem,
    best: Tours | None,
    kept: np.ndarray,
    bound: float,
    begun: float,
    iterations: int,
    status: Any,
    ground: Ground | None = None,
) -> TourAnswer:
    tours = []
    for k in range(len(problem.crews) * problem.horizon):
        crew, day = divmod(k, problem.horizon)
        row = [] if best is None else best.order[k, : best.stops[k]].tolist()
        if row and ground:
            tours.append(_tour(problem, crew, day + 1, row, kept, ground, k))
    score = sum(tour.score for tour in tours)
    return TourAnswer(
        tours=tours,
        score=score,
        bound=max(bound, score),
        seconds=round(perf_counter() - begun, 3),
        iterations=iterations,
        status=status,
    )


def _tour(problem: TourProblem, crew: int, day: int, row: list[int], kept: np.ndarray, ground: Ground, k: int) -> Tour:
    clock, before, length, stops = 0.0, int(ground.start[k]), 0.0, []
    for site in row:
        clock = max(clock + ground.travel[before, site], ground.opens[site])
        length += ground.travel[before, site] + ground.duration[site]
        known = problem.sites[kept[site]]
        stops.append(Stop(site=known.id, arrives=clock, leaves=clock + known.duration))
        clock, before = clock + known.duration, site
    return Tour(
        crew=problem.crews[crew].id,
        day=day,
        sites=[stop.site for stop in stops],
        stops=stops,
        length=length + float(ground.travel[before, ground.end[k]]),
        score=sum(problem.sites[kept[site]].score for site in row),
    )
