"""Compiles the hot loops before the stopwatch runs: numba keeps what it made on disk, so later runs only load it."""

from scheduling.domain.touring import Site, TourCrew, TourProblem
from scheduling.solver.tours.search import Limits, plan_tours


def compile_tours() -> None:
    """Plans three sites, once with windows."""
    sites = [Site(id=str(x), x=x, y=x % 2, score=1.5 + x, window=(0, 20)) for x in range(3)]
    plan_tours(TourProblem(sites=tuple(sites), crews=(TourCrew(id="a", shift=2.5),)), Limits(1.0, iterations=3))


if __name__ == "__main__":
    compile_tours()
