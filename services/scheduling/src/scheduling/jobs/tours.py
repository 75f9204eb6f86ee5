"""Tours are planned where they are asked for, on the command line."""

from collections.abc import Callable

from scheduling.domain.touring import TourAnswer, TourProblem
from scheduling.solver.tours.search import Limits
from scheduling.solver.tours.search import plan_tours as search_tours
from scheduling.solver.warm import compile_tours


def plan_tours(
    problem: TourProblem, *, seconds: float, iterations: int | None, told: Callable[[float, float, float], bool]
) -> TourAnswer:
    """In this process. `told` hears of progress and says whether to go on."""
    compile_tours()
    return search_tours(problem, Limits(seconds, iterations), told)
