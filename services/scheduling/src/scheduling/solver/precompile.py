"""Compiles the hot loops before the search time starts. numba caches the result on disk, so later runs only load it."""

from scheduling.domain.coverage_model import CoverageProblem, DemandCell, DemandGroup, PlanDay, Site
from scheduling.domain.tour_model import TourCrew, TourProblem, TourSite
from scheduling.solver.coverage.search import CoverageLimits, plan_coverage
from scheduling.solver.tours.search import TourLimits, plan_tours


def compile_tours() -> None:
    """Plans three sites with time windows."""
    sites = [TourSite(id=str(x), x=x, y=x % 2, score=1.5 + x, window=(0, 20)) for x in range(3)]
    plan_tours(TourProblem(sites=tuple(sites), crews=(TourCrew(id="a", shift=2.5),)), TourLimits(1.0, iterations=3))


def compile_coverage() -> None:
    """Plans three sites for two days."""
    opens = ((True, True, True),) * 7
    problem = CoverageProblem(
        tuple(Site(str(x), 500.0 * x, 0.0, "a", 1, opens) for x in range(3)),
        tuple(DemandCell(500.0 * x, 100.0, (9.0, 9.0)) for x in range(3)),
        (DemandGroup("plain", (0.5, 0.5, 0.5), needs_kit=False), DemandGroup("kit", (0.5, 0.5, 0.5), needs_kit=True)),
        (PlanDay(0, 1, 1), PlanDay(5, 1, 0)),
        {"a": 1},
    )
    plan_coverage(problem, CoverageLimits(1.0, iterations=3, prove=False))


if __name__ == "__main__":
    compile_tours()
    compile_coverage()
