"""The planner on small generated cities: what the big runs measure, in seconds, by counts of steps."""

from dataclasses import replace

import pytest
from scheduling.domain.planning import check_cover, worth
from scheduling.solver.cover.search import Limits, greedy_cover, plan_cover
from wanderamt_bench.planner.audit import audit
from wanderamt_bench.planner.cities import Size, city
from wanderamt_bench.planner.figures import replan

SMALL = Size(sites=25, days=14, crews=3, vehicles=3, kits=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_search_beats_greedy_keeps_every_rule_and_stays_below_the_bound(seed: int) -> None:
    problem = city(seed, SMALL)
    greedy = greedy_cover(problem)
    found = plan_cover(problem, Limits(30.0, iterations=3_000))
    judged = audit(problem, found.visits)
    assert judged == pytest.approx(found.worth)
    assert judged == pytest.approx(worth(problem, found.visits))
    assert audit(problem, greedy.visits) < judged <= found.bound
    assert judged >= 0.98 * found.bound, "the bound is tight enough to say something"


def test_the_same_seed_and_steps_give_the_same_plan() -> None:
    problem = city(5, SMALL)
    one, other = (plan_cover(problem, Limits(30.0, iterations=1_500, prove=False)) for _ in range(2))
    assert one.visits == other.visits
    assert one.visits != plan_cover(problem, Limits(30.0, iterations=1_500, prove=False, seed=2)).visits


def test_after_one_stand_fell_out_all_others_stay_and_its_place_rests() -> None:
    problem = city(3, SMALL)
    before = plan_cover(problem, Limits(30.0, iterations=1_500, prove=False)).visits
    gone, kept, after = replan(problem, before, 4, Limits(30.0, iterations=1_500, prove=False))
    assert set(kept) <= set(after)
    assert not any(one.spot == gone.spot and abs(one.day - gone.day) < 7 for one in after)
    assert audit(problem, after) >= audit(problem, kept)


def test_a_fixed_stand_that_breaks_a_rule_is_refused_by_name() -> None:
    problem = city(1, SMALL)
    visits = plan_cover(problem, Limits(5.0, iterations=50, prove=False)).visits
    twice = replace(visits[0], day=visits[0].day)
    refused = check_cover(replace(problem, pinned=(visits[0], replace(twice, pattern=0), *visits[1:])))
    assert refused
    assert problem.spots[visits[0].spot].id in refused.hint
