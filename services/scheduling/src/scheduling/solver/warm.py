"""Compiles the hot loops before the stopwatch runs: numba keeps what it made on disk, so later runs only load it."""

from scheduling.domain.planning import Cell, CoverProblem, Day, Feature, Spot
from scheduling.domain.touring import Site, TourCrew, TourProblem
from scheduling.solver.cover.search import Limits as CoverLimits
from scheduling.solver.cover.search import plan_cover
from scheduling.solver.tours.search import Limits, plan_tours


def compile_tours() -> None:
    """Plans three sites, once with windows."""
    sites = [Site(id=str(x), x=x, y=x % 2, score=1.5 + x, window=(0, 20)) for x in range(3)]
    plan_tours(TourProblem(sites=tuple(sites), crews=(TourCrew(id="a", shift=2.5),)), Limits(1.0, iterations=3))


def compile_cover() -> None:
    """Plans three places for two days."""
    opens = ((True, True, True),) * 7
    problem = CoverProblem(
        tuple(Spot(str(x), 500.0 * x, 0.0, "a", 1, opens) for x in range(3)),
        tuple(Cell(500.0 * x, 100.0, (9.0, 9.0)) for x in range(3)),
        (Feature("plain", (0.5, 0.5, 0.5), needs_kit=False), Feature("kit", (0.5, 0.5, 0.5), needs_kit=True)),
        (Day(0, 1, 1), Day(5, 1, 0)),
        {"a": 1},
    )
    plan_cover(problem, CoverLimits(1.0, iterations=3, prove=False))


if __name__ == "__main__":
    compile_tours()
    compile_cover()
