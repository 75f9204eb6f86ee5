"""Tours: they respect every rule, never exceed the bound, and are optimal where enumeration can prove it."""

from itertools import combinations, pairwise, permutations
from math import hypot
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scheduling.domain.tour_model import TourCrew, TourPlan, TourProblem, TourSite, check_tour_problem, travel_times
from scheduling.solver.tours.search import TourLimits, plan_tours

QUICK = TourLimits(seconds=2.0, iterations=400)


def random_problem(seed: int, *, sites: int, crews: int = 2, days: int = 1, with_windows: bool = False) -> TourProblem:
    chance = Random(seed)  # noqa: S311
    windows = [(chance.uniform(0, 4), chance.uniform(5, 9)) if with_windows else None for _ in range(sites)]
    return TourProblem(
        sites=tuple(
            TourSite(
                id=number,
                x=chance.uniform(0, 10),
                y=chance.uniform(0, 10),
                score=chance.randint(1, 30),
                window=windows[number],
                duration=chance.choice([0, 0.5]) if with_windows else 0,
            )
            for number in range(sites)
        ),
        crews=tuple(TourCrew(id=f"c{k}", start=(5, 5), end=(5, 4 + k), shift=11.0 + k) for k in range(crews)),
        horizon=days,
        seed=seed,
    )


def audit(problem: TourProblem, answer: TourPlan) -> float:
    """The score, computed from the problem alone. Fails if a rule is broken."""
    sites = {site.id: site for site in problem.sites}
    crews = {crew.id: crew for crew in problem.crews}
    seen: set[int | str] = set()
    assert len({(tour.crew, tour.day) for tour in answer.tours}) == len(answer.tours)
    for tour in answer.tours:
        crew, clock, length = crews[tour.crew], 0.0, 0.0
        assert 1 <= tour.day <= problem.horizon
        position = crew.start
        for id_, stop in zip(tour.sites, tour.stops, strict=True):
            site = sites[id_]
            travel_time = hypot(site.x - position[0], site.y - position[1]) / problem.speed
            length += travel_time + site.duration
            clock += travel_time
            if site.window:
                clock = max(clock, site.window[0])
                assert clock <= site.window[1] + 1e-6
            assert stop.arrives == pytest.approx(clock)
            clock += site.duration
            position = (site.x, site.y)
            assert id_ not in seen
            seen.add(id_)
        length += hypot(crew.end[0] - position[0], crew.end[1] - position[1]) / problem.speed
        assert length <= crew.shift + 1e-6
        assert tour.length == pytest.approx(length)
    return sum(sites[id_].score for id_ in seen)


def best_by_enumeration(problem: TourProblem) -> float:
    """The optimum for one crew: tries every order of every subset."""
    times, crew, sites_count = travel_times(problem), problem.crews[0], len(problem.sites)
    best = 0.0
    for size in range(1, sites_count + 1):
        for chosen in combinations(range(sites_count), size):
            score = sum(problem.sites[site].score for site in chosen)
            if score > best and any(_length(times, order, sites_count) <= crew.shift for order in permutations(chosen)):
                best = score
    return best


def _length(times: object, order: tuple[int, ...], sites_count: int) -> float:
    points = [sites_count, *order, sites_count + 1]
    return sum(times[a][b] for a, b in pairwise(points))  # type: ignore[index]


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_optimum_of_an_enumeration(seed: int) -> None:
    problem = random_problem(seed, sites=7, crews=1)
    answer = plan_tours(problem, QUICK)
    assert audit(problem, answer) == answer.score == best_by_enumeration(problem)
    assert answer.bound >= answer.score


@given(seed=st.integers(0, 10_000), sites=st.integers(0, 25), days=st.integers(1, 3), with_windows=st.booleans())
@settings(max_examples=25, deadline=None)
def test_no_rule_is_ever_broken_and_no_score_is_above_its_bound(
    seed: int, sites: int, days: int, with_windows: bool
) -> None:
    problem = random_problem(seed, sites=sites, days=days, with_windows=with_windows)
    answer = plan_tours(problem, TourLimits(seconds=1.0, iterations=60))
    assert audit(problem, answer) == pytest.approx(answer.score)
    assert answer.score <= answer.bound + 1e-6


def test_the_same_seed_and_iterations_give_the_same_plan() -> None:
    problem = random_problem(3, sites=40, crews=3, days=2)
    first, second = plan_tours(problem, QUICK), plan_tours(problem, QUICK)
    assert first.tours == second.tours
    assert first.iterations == second.iterations == 400


def test_an_asymmetric_travel_matrix_is_respected() -> None:
    """One direction around the ring costs nothing, the other more than the shift."""
    ring, size = 4, 6
    travel = [
        [0.0 if (b - a) % ring == 1 or a >= ring or b >= ring else 50.0 for b in range(size)] for a in range(size)
    ]
    sites = tuple(TourSite(id=at, score=1) for at in range(ring))
    answer = plan_tours(TourProblem(sites=sites, crews=(TourCrew(id="a", shift=10),), travel=travel), QUICK)
    assert answer.score == ring
    order = answer.tours[0].sites
    assert all((b - a) % ring == 1 for a, b in pairwise(order))  # type: ignore[operator]


def test_a_cancelled_search_returns_its_best_plan() -> None:
    problem, reports = random_problem(5, sites=60, crews=3), []

    def report(share: float, score: float, bound: float) -> bool:
        reports.append((share, score, bound))
        return len(reports) < 3

    answer = plan_tours(problem, TourLimits(seconds=60.0), report)
    assert answer.status == "cancelled"
    assert audit(problem, answer) == answer.score > 0


CREW = {"id": "crew 3", "start": (0, 0), "end": (9, 0), "shift": 5}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"crews": [CREW]}, "crew crew 3 needs 9 from its start to its end and has a shift of 5"),
        ({"sites": [{"id": "a", "score": 1, "window": (5, 2)}]}, "the window of site a ends before it starts"),
        ({"sites": [{"id": "a", "score": 1}, {"id": "a", "score": 2}]}, "site a appears twice"),
        (
            {
                "sites": [{"id": n, "score": 1} for n in range(2_000)],
                "horizon": 366,
                "crews": [CREW | {"shift": 20, "id": n} for n in range(9)],
            },
            "plan fewer days",
        ),
        ({"travel": [[0.0]]}, "1 sites and 1 crews need 3 rows of 3"),
    ],
)
def test_an_infeasible_problem_is_refused_by_name(change: dict[str, object], says: str) -> None:
    sound = {"sites": [{"id": "a", "score": 1}], "crews": [{"id": "b", "shift": 5}]}
    refused = check_tour_problem(TourProblem.model_validate(sound | change))
    assert refused
    assert says in refused.hint


@pytest.mark.parametrize(
    "change",
    [
        {"sites": [{"id": "a", "score": 1, "duration": -1}]},
        {"sites": [{"id": "a", "score": float("nan")}]},
        {"sites": [{"id": "a", "score": -1}]},
        {"crews": []},
        {"speed": 0},
        {"horizon": 0},
        {"nonsense": 1},
    ],
)
def test_an_invalid_problem_is_refused(change: dict[str, object]) -> None:
    sound = {"sites": [{"id": "a", "score": 1}], "crews": [{"id": "b", "shift": 5}]}
    with pytest.raises(ValidationError):
        TourProblem.model_validate(sound | change)
