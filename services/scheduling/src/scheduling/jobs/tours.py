"""Plans tours in the process of the caller, for the command line. Needs the extra `solver`."""

from collections.abc import Callable

from scheduling.domain.tour_model import TourPlan, TourProblem
from scheduling.solver.precompile import compile_tours
from scheduling.solver.tours.search import TourLimits
from scheduling.solver.tours.search import plan_tours as search_tours


def plan_tours(
    problem: TourProblem, *, seconds: float, iterations: int | None, report: Callable[[float, float, float], bool]
) -> TourPlan:
    """`report`: called with (share of the time used, score, bound); False ends the search."""
    compile_tours()
    return search_tours(problem, TourLimits(seconds, iterations), report)
