"""Plans coverage: greedy, then search on one core while the other proves how good it is."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import perf_counter

import numpy as np

from scheduling.domain.planning import CoverProblem, Visit
from scheduling.solver.cover import kernel
from scheduling.solver.cover.arrays import Arrays, Cover, arrays_of
from scheduling.solver.cover.bound import Relaxation
from scheduling.solver.cover.kernel import Plan

STEPS = 500  # between two looks at the clock
BOTH_SHARE, BOTH_S = 0.3, 8.0  # so long both cores search, before one begins to prove
HOT, COLD = 2.0, 0.05  # temperatures, in units of worth

Told = Callable[[float, float, float], bool]
"""(share of the time that is over, worth, bound) → whether to go on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`iterations`: with them the same seed gives the same plan. `prove`: whether a bound is wanted."""

    seconds: float
    iterations: int | None = None
    prove: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """`bound`: proven; no plan is worth more. `greedy`: what the greedy alone gave."""

    visits: tuple[Visit, ...]
    worth: float
    greedy: float
    bound: float
    seconds: float
    iterations: int
    cancelled: bool = False


def plan_cover(
    problem: CoverProblem, limits: Limits, told: Told = lambda *_: True, start: Sequence[Visit] = ()
) -> Found:
    """`problem` has been checked. `start`: a plan to begin with; pinned visits are in the answer in any case."""
    begun = perf_counter()
    arrays = arrays_of(problem)
    cover = arrays.cover
    first = _begin(problem, arrays, list(start))
    kernel.fill(cover, first, 0.0, True, False)  # noqa: FBT003 -- compiled functions take places alone
    greedy = kernel.worth(cover, first)
    run = _Run(cover, first, limits, begun, told)
    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(run.search, limits.seed)]
        if limits.iterations is None:
            done.append(threads.submit(run.second))
        elif limits.prove:
            done.append(threads.submit(run.prove))
        for one in done:
            one.result()
    size = run.best.size[0]
    return Found(
        visits=tuple(arrays.visits(run.best.type[:size], run.best.day[:size])),
        worth=kernel.worth(cover, run.best),
        greedy=greedy,
        bound=run.bound,
        seconds=round(perf_counter() - begun, 3),
        iterations=run.done,
        cancelled=run.stopped.is_set(),
    )


def greedy_cover(problem: CoverProblem) -> Found:
    """Lazy greedy on marginal gain per block alone: what a search has to beat."""
    begun = perf_counter()
    arrays = arrays_of(problem)
    plan = _begin(problem, arrays, [])
    kernel.fill(arrays.cover, plan, 0.0, True, False)  # noqa: FBT003
    got, size = kernel.worth(arrays.cover, plan), plan.size[0]
    visits = tuple(arrays.visits(plan.type[:size], plan.day[:size]))
    return Found(visits, got, got, float("inf"), round(perf_counter() - begun, 3), 0)


def _begin(problem: CoverProblem, arrays: Arrays, start: list[Visit]) -> Plan:
    plan = kernel.empty_plan(arrays.cover)
    there = {*problem.pinned, *(one for one in start if one not in problem.forbidden)}
    visits = sorted(there, key=lambda one: (one.day, one.spot, one.pattern, one.kit))
    for kind, day in zip(*arrays.numbers(problem, visits), strict=True):
        kernel.add(arrays.cover, plan, kind, day)
    return plan


class _Run:
    """Two threads that share the best plan. The hot loops hold no lock of the interpreter."""

    def __init__(self, cover: Cover, first: Plan, limits: Limits, begun: float, told: Told) -> None:
        self._cover, self._limits, self._told = cover, limits, told
        self._begun, self._until = begun, begun + limits.seconds
        self.best, self._record = first, kernel.worth(cover, first)
        self.bound, self.done = float("inf"), 0
        self.stopped = Event()
        self._relaxed: Relaxation | None = None

    def search(self, seed: int, until: float | None = None) -> None:
        limits, cover = self._limits, self._cover
        now, best, tried = (kernel.empty_plan(cover) for _ in range(3))
        kernel.copy(self.best, now)
        kernel.copy(self.best, best)
        picked, stale = np.zeros(len(now.type), np.bool_), np.zeros(len(cover.district), np.bool_)
        chance = np.random.default_rng(seed)
        done, begun, until = 0, perf_counter(), until or self._until
        while not self.stopped.is_set():
            given = max(until - begun, 1e-6)  # loading the hot loops may have taken all of it
            share = done / limits.iterations if limits.iterations else (perf_counter() - begun) / given
            if share >= 1 or self.bound <= self._record * (1 + 1e-6):
                return
            heat = HOT * (COLD / HOT) ** share
            many = min(STEPS, limits.iterations - done) if limits.iterations else STEPS
            got = kernel.search(cover, now, best, tried, picked, stale, int(chance.integers(2**31)), many, heat, heat)
            done += many
            self.done += many
            if got > self._record + 1e-9:
                self._record, self.best = got, self._kept(best)
            elif limits.iterations is None and self._record > got + 1e-9:
                kernel.copy(self.best, best)
            if not self._told((perf_counter() - self._begun) / limits.seconds, self._record, self.bound):
                self.stopped.set()

    def _kept(self, plan: Plan) -> Plan:
        mine = kernel.empty_plan(self._cover)
        kernel.copy(plan, mine)
        return mine

    def second(self) -> None:
        """Searches too at first, and proves then."""
        limits = self._limits
        until = self._begun + min(BOTH_S, BOTH_SHARE * limits.seconds) if limits.prove else self._until
        self.search(limits.seed + 1, until)
        if limits.prove:
            self.prove()

    def prove(self) -> None:
        self._relaxed = Relaxation(self._cover)
        self._relaxed.seed(self.best)
        until = self._until if self._limits.iterations is None else perf_counter() + self._limits.seconds
        self._relaxed.improve(lambda: self._record, until, self._hear)
        self.bound = self._relaxed.bound

    def _hear(self, bound: float) -> bool:
        self.bound = bound
        return not self.stopped.is_set()
