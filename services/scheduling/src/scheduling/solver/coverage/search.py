"""Plans coverage: a greedy start, then a search on one core while the other core proves a bound."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import perf_counter

import numpy as np

from scheduling.domain.coverage_model import CoverageProblem, PlannedVisit
from scheduling.solver.coverage import kernel
from scheduling.solver.coverage.arrays import CoverageArrays, EncodedProblem, encode_problem
from scheduling.solver.coverage.bound import Relaxation
from scheduling.solver.coverage.kernel import CoveragePlan

STEPS_PER_CALL = 500  # between two checks of the time
BOTH_SHARE, BOTH_S = 0.3, 8.0  # both cores search this long before one starts to prove
START_TEMPERATURE, END_TEMPERATURE = 2.0, 0.05  # of the annealing, in units of the objective

ReportProgress = Callable[[float, float, float], bool]
"""(share of the time used, objective, bound) → False to stop."""


@dataclass(frozen=True, slots=True)
class CoverageLimits:
    """With `iterations` the same seed gives the same plan. `prove`: compute a bound."""

    seconds: float
    iterations: int | None = None
    prove: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True)
class CoverageResult:
    """`bound`: proven; no plan has a higher objective. `greedy_objective`: of the greedy start."""

    visits: tuple[PlannedVisit, ...]
    objective: float
    greedy_objective: float
    bound: float
    seconds: float
    iterations: int
    cancelled: bool = False


def plan_coverage(
    problem: CoverageProblem,
    limits: CoverageLimits,
    report: ReportProgress = lambda *_: True,
    start: Sequence[PlannedVisit] = (),
) -> CoverageResult:
    """`problem`: already checked. `start`: visits to start from. The result always contains the pinned visits."""
    begun = perf_counter()
    encoded = encode_problem(problem)
    cover = encoded.cover
    first = _initial_plan(problem, encoded, list(start))
    kernel.greedy_fill(cover, first, 0.0, True, False)  # noqa: FBT003 -- compiled functions take positional arguments only
    greedy = kernel.objective(cover, first)
    run = _ParallelSearch(cover, first, limits, begun, report)
    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(run.search, limits.seed)]
        if limits.iterations is None:
            done.append(threads.submit(run.search_then_prove))
        elif limits.prove:
            done.append(threads.submit(run.prove))
        for future in done:
            future.result()
    size = run.best.size[0]
    return CoverageResult(
        visits=tuple(encoded.visits(run.best.type[:size], run.best.day[:size])),
        objective=kernel.objective(cover, run.best),
        greedy_objective=greedy,
        bound=run.bound,
        seconds=round(perf_counter() - begun, 3),
        iterations=run.done,
        cancelled=run.cancelled_event.is_set(),
    )


def greedy_coverage(problem: CoverageProblem) -> CoverageResult:
    """The greedy on marginal gain per block alone, as a baseline for the search."""
    begun = perf_counter()
    encoded = encode_problem(problem)
    plan = _initial_plan(problem, encoded, [])
    kernel.greedy_fill(encoded.cover, plan, 0.0, True, False)  # noqa: FBT003
    value, size = kernel.objective(encoded.cover, plan), plan.size[0]
    visits = tuple(encoded.visits(plan.type[:size], plan.day[:size]))
    return CoverageResult(visits, value, value, float("inf"), round(perf_counter() - begun, 3), 0)


def _initial_plan(problem: CoverageProblem, encoded: EncodedProblem, start: list[PlannedVisit]) -> CoveragePlan:
    plan = kernel.empty_plan(encoded.cover)
    chosen = {*problem.pinned, *(visit for visit in start if visit not in problem.forbidden)}
    visits = sorted(chosen, key=lambda visit: (visit.day, visit.site, visit.pattern, visit.kit))
    for kind, day in zip(*encoded.indexes(problem, visits), strict=True):
        kernel.add(encoded.cover, plan, kind, day)
    return plan


class _ParallelSearch:
    """Two threads that share the best plan. The hot loops release the interpreter lock (GIL)."""

    def __init__(
        self, cover: CoverageArrays, first: CoveragePlan, limits: CoverageLimits, begun: float, report: ReportProgress
    ) -> None:
        self._cover, self._limits, self._report = cover, limits, report
        self._begun, self._until = begun, begun + limits.seconds
        self.best, self._best_objective = first, kernel.objective(cover, first)
        self.bound, self.done = float("inf"), 0
        self.cancelled_event = Event()
        self._relaxed: Relaxation | None = None

    def search(self, seed: int, until: float | None = None) -> None:
        limits, cover = self._limits, self._cover
        current, best, candidate = (kernel.empty_plan(cover) for _ in range(3))
        kernel.copy(self.best, current)
        kernel.copy(self.best, best)
        picked, stale = np.zeros(len(current.type), np.bool_), np.zeros(len(cover.district), np.bool_)
        rng = np.random.default_rng(seed)
        done, begun, until = 0, perf_counter(), until or self._until
        while not self.cancelled_event.is_set():
            available = max(until - begun, 1e-6)  # loading the hot loops may have used all of the time
            share = done / limits.iterations if limits.iterations else (perf_counter() - begun) / available
            if share >= 1 or self.bound <= self._best_objective * (1 + 1e-6):
                return
            temperature = START_TEMPERATURE * (END_TEMPERATURE / START_TEMPERATURE) ** share
            steps = min(STEPS_PER_CALL, limits.iterations - done) if limits.iterations else STEPS_PER_CALL
            value = kernel.search(
                cover,
                current,
                best,
                candidate,
                picked,
                stale,
                int(rng.integers(2**31)),
                steps,
                temperature,
                temperature,
            )
            done += steps
            self.done += steps
            if value > self._best_objective + 1e-9:
                self._best_objective, self.best = value, self._copied(best)
            elif limits.iterations is None and self._best_objective > value + 1e-9:
                kernel.copy(self.best, best)
            if not self._report((perf_counter() - self._begun) / limits.seconds, self._best_objective, self.bound):
                self.cancelled_event.set()

    def _copied(self, plan: CoveragePlan) -> CoveragePlan:
        copied = kernel.empty_plan(self._cover)
        kernel.copy(plan, copied)
        return copied

    def search_then_prove(self) -> None:
        """Searches first, then proves a bound."""
        limits = self._limits
        until = self._begun + min(BOTH_S, BOTH_SHARE * limits.seconds) if limits.prove else self._until
        self.search(limits.seed + 1, until)
        if limits.prove:
            self.prove()

    def prove(self) -> None:
        self._relaxed = Relaxation(self._cover)
        self._relaxed.add_initial_cuts(self.best)
        until = self._until if self._limits.iterations is None else perf_counter() + self._limits.seconds
        self._relaxed.tighten(lambda: self._best_objective, until, self._on_bound)
        self.bound = self._relaxed.bound

    def _on_bound(self, bound: float) -> bool:
        self.bound = bound
        return not self.cancelled_event.is_set()
