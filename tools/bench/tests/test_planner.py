"""The planner on small generated cities, limited by iterations: the properties that the benchmark measures at scale."""

from dataclasses import replace

import pytest
from scheduling.domain.coverage_model import check_coverage_problem, objective
from scheduling.solver.coverage.search import CoverageLimits, greedy_coverage, plan_coverage
from wanderamt_bench.planner.audit import audit
from wanderamt_bench.planner.benchmark import replan
from wanderamt_bench.planner.cities import CitySize, city

SMALL = CitySize(sites=25, days=14, crews=3, vehicles=3, kits=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_search_beats_greedy_keeps_every_rule_and_stays_below_the_bound(seed: int) -> None:
    problem = city(seed, SMALL)
    greedy = greedy_coverage(problem)
    result = plan_coverage(problem, CoverageLimits(30.0, iterations=3_000))
    audited = audit(problem, result.visits)
    assert audited == pytest.approx(result.objective)
    assert audited == pytest.approx(objective(problem, result.visits))
    assert audit(problem, greedy.visits) < audited <= result.bound
    assert audited >= 0.98 * result.bound, "the bound is tight"


def test_the_same_seed_and_steps_give_the_same_plan() -> None:
    problem = city(5, SMALL)
    first, second = (plan_coverage(problem, CoverageLimits(30.0, iterations=1_500, prove=False)) for _ in range(2))
    assert first.visits == second.visits
    assert first.visits != plan_coverage(problem, CoverageLimits(30.0, iterations=1_500, prove=False, seed=2)).visits


def test_after_a_cancelled_stand_all_others_stay_and_its_place_rests() -> None:
    problem = city(3, SMALL)
    before = plan_coverage(problem, CoverageLimits(30.0, iterations=1_500, prove=False)).visits
    cancelled, kept, after = replan(problem, before, 4, CoverageLimits(30.0, iterations=1_500, prove=False))
    assert set(kept) <= set(after)
    assert not any(visit.site == cancelled.site and abs(visit.day - cancelled.day) < 7 for visit in after)
    assert audit(problem, after) >= audit(problem, kept)


def test_a_pinned_stand_that_breaks_a_rule_is_refused_by_name() -> None:
    problem = city(1, SMALL)
    visits = plan_coverage(problem, CoverageLimits(5.0, iterations=50, prove=False)).visits
    refusal = check_coverage_problem(replace(problem, pinned=(visits[0], replace(visits[0], pattern=0), *visits[1:])))
    assert refusal
    assert problem.sites[visits[0].site].id in refusal.hint
