"""Tours: never a broken rule, never more than the bound, the best there is where it can be counted out."""

from itertools import combinations, pairwise, permutations
from math import hypot
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scheduling.domain.touring import Site, TourAnswer, TourCrew, TourProblem, check, travel_times
from scheduling.solver.tours.search import Limits, plan_tours

QUICK = Limits(seconds=2.0, iterations=400)


def problem(seed: int, *, sites: int, crews: int = 2, days: int = 1, timed: bool = False) -> TourProblem:
    chance = Random(seed)  # noqa: S311
    windows = [(chance.uniform(0, 4), chance.uniform(5, 9)) if timed else None for _ in range(sites)]
    return TourProblem(
        sites=tuple(
            Site(
                id=number,
                x=chance.uniform(0, 10),
                y=chance.uniform(0, 10),
                score=chance.randint(1, 30),
                window=windows[number],
                duration=chance.choice([0, 0.5]) if timed else 0,
            )
            for number in range(sites)
        ),
        crews=tuple(TourCrew(id=f"c{k}", start=(5, 5), end=(5, 4 + k), shift=11.0 + k) for k in range(crews)),
        horizon=days,
        seed=seed,
    )


def audit(asked: TourProblem, answer: TourAnswer) -> float:
    """The score, counted from the problem. Fails where a rule is broken."""
    sites = {site.id: site for site in asked.sites}
    crews = {crew.id: crew for crew in asked.crews}
    seen: set[object] = set()
    assert len({(tour.crew, tour.day) for tour in answer.tours}) == len(answer.tours)
    for tour in answer.tours:
        crew, clock, length = crews[tour.crew], 0.0, 0.0
        assert 1 <= tour.day <= asked.horizon
        here = crew.start
        for id_, stop in zip(tour.sites, tour.stops, strict=True):
            site = sites[id_]
            way = hypot(site.x - here[0], site.y - here[1]) / asked.speed
            length += way + site.duration
            clock += way
            if site.window:
                clock = max(clock, site.window[0])
                assert clock <= site.window[1] + 1e-6
            assert stop.arrives == pytest.approx(clock)
            clock += site.duration
            here = (site.x, site.y)
            assert id_ not in seen
            seen.add(id_)
        length += hypot(crew.end[0] - here[0], crew.end[1] - here[1]) / asked.speed
        assert length <= crew.shift + 1e-6
        assert tour.length == pytest.approx(length)
    return sum(sites[id_].score for id_ in seen)


def best_by_counting(asked: TourProblem) -> float:
    """One crew: every order of every set."""
    times, crew, many = travel_times(asked), asked.crews[0], len(asked.sites)
    best = 0.0
    for size in range(1, many + 1):
        for those in combinations(range(many), size):
            score = sum(asked.sites[one].score for one in those)
            if score > best and any(_length(times, order, many) <= crew.shift for order in permutations(those)):
                best = score
    return best


def _length(times: object, order: tuple[int, ...], many: int) -> float:
    points = [many, *order, many + 1]
    return sum(times[a][b] for a, b in pairwise(points))  # type: ignore[index]


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_best_that_can_be_counted_out_and_proves_no_less(seed: int) -> None:
    asked = problem(seed, sites=7, crews=1)
    answer = plan_tours(asked, QUICK)
    assert audit(asked, answer) == answer.score == best_by_counting(asked)
    assert answer.bound >= answer.score


@given(seed=st.integers(0, 10_000), sites=st.integers(0, 25), days=st.integers(1, 3), timed=st.booleans())
@settings(max_examples=25, deadline=None)
def test_no_rule_is_ever_broken_and_no_score_is_above_its_bound(seed: int, sites: int, days: int, timed: bool) -> None:
    asked = problem(seed, sites=sites, days=days, timed=timed)
    answer = plan_tours(asked, Limits(seconds=1.0, iterations=60))
    assert audit(asked, answer) == pytest.approx(answer.score)
    assert answer.score <= answer.bound + 1e-6


def test_the_same_seed_and_iterations_give_the_same_plan() -> None:
    asked = problem(3, sites=40, crews=3, days=2)
    one, other = plan_tours(asked, QUICK), plan_tours(asked, QUICK)
    assert one.tours == other.tours
    assert one.iterations == other.iterations == 400


def test_a_matrix_that_is_not_the_same_both_ways_is_kept_to() -> None:
    """Going round one way costs nothing, the other way more than the shift."""
    ring, size = 4, 6
    travel = [
        [0.0 if (b - a) % ring == 1 or a >= ring or b >= ring else 50.0 for b in range(size)] for a in range(size)
    ]
    sites = tuple(Site(id=at, score=1) for at in range(ring))
    answer = plan_tours(TourProblem(sites=sites, crews=(TourCrew(id="a", shift=10),), travel=travel), QUICK)
    assert answer.score == ring
    order = answer.tours[0].sites
    assert all((b - a) % ring == 1 for a, b in pairwise(order))  # type: ignore[operator]


def test_it_can_be_cancelled_and_still_says_what_it_has() -> None:
    asked, heard = problem(5, sites=60, crews=3), []

    def told(share: float, score: float, bound: float) -> bool:
        heard.append((share, score, bound))
        return len(heard) < 3

    answer = plan_tours(asked, Limits(seconds=60.0), told)
    assert answer.status == "cancelled"
    assert audit(asked, answer) == answer.score > 0


CREW = {"id": "crew 3", "start": (0, 0), "end": (9, 0), "shift": 5}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"crews": [CREW]}, "crew crew 3 needs 9 from its start to its end and has a shift of 5"),
        ({"sites": [{"id": "a", "score": 1, "window": (5, 2)}]}, "the window of site a ends before it starts"),
        ({"sites": [{"id": "a", "score": 1}, {"id": "a", "score": 2}]}, "site a is there twice"),
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
def test_what_nobody_can_plan_is_refused_by_name(change: dict[str, object], says: str) -> None:
    sound = {"sites": [{"id": "a", "score": 1}], "crews": [{"id": "b", "shift": 5}]}
    refused = check(TourProblem.model_validate(sound | change))
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
def test_what_is_no_problem_is_none(change: dict[str, object]) -> None:
    sound = {"sites": [{"id": "a", "score": 1}], "crews": [{"id": "b", "shift": 5}]}
    with pytest.raises(ValidationError):
        TourProblem.model_validate(sound | change)
