"""Crews, vehicles and kits are named by their rules, and whoever is missing is said."""

from collections import Counter
from datetime import date

from scheduling.domain.planning import PATTERNS, Cell, CoverProblem, Day, Feature, Spot, Visit
from scheduling.domain.proposal import CrewDay, Roster, explain, left_out
from scheduling.domain.resources import Crew, Kit, Member, Vehicle
from scheduling.solver.naming import crew_days, name

OPEN = ((True, True, True),) * 7
SPOTS = tuple(Spot(f"place {x}", x * 1_000.0, 0.0, f"district {x % 2}", 2, OPEN) for x in range(6))
CITY = CoverProblem(
    SPOTS,
    tuple(Cell(x * 1_000.0, 200.0, (50.0, 30.0)) for x in range(6)),
    (Feature("plain", (0.5, 0.5, 0.5), needs_kit=False), Feature("kit", (0.5, 0.5, 0.5), needs_kit=True)),
    tuple(Day(day % 7, 3, 1) for day in range(7)),
    {},
)
MONDAY = date(2027, 5, 3)
CREWS = {"Team A": Crew(rest_h=11, days_a_week=4), "Team B": Crew(rest_h=11, days_a_week=4)}
ROSTER = Roster(MONDAY, CREWS, {"Bus 1": Vehicle(), "Bus 2": Vehicle()}, {"Koffer 1": Kit()})


def test_every_visit_is_in_one_crew_day_and_short_ones_are_paired_with_the_nearest() -> None:
    visits = [Visit(0, 0, 0, False), Visit(3, 0, 0, False), Visit(1, 0, 1, False), Visit(4, 0, 1, False)]
    days = crew_days(CITY, visits)
    assert Counter(visit for one in days for visit in one.visits) == Counter(visits)
    assert {tuple(visit.spot for visit in one.visits) for one in days} == {(0, 1), (3, 4)}


def test_nobody_is_at_two_places_and_nobody_comes_early_after_a_late_day() -> None:
    late, early = [CrewDay(day, (Visit(day, day, 4, False),), late=True) for day in range(3)], []
    early = [CrewDay(day, (Visit(5 - day, day, 3, False),), late=False) for day in range(1, 4)]
    named, unnamed = name([*late, *early], ROSTER)
    assert len(named) + len(unnamed) == 6
    assert len({(one.crew, one.crew_day.day) for one in named}) == len(named)
    for one in named:
        for other in named:
            if one.crew == other.crew and one.crew_day.late and not other.crew_day.late:
                assert other.crew_day.day != one.crew_day.day + 1
    assert len(named) == 6, "there is a way: one crew late, the other early"


def test_days_a_week_and_kits_are_kept_to() -> None:
    days = [CrewDay(day, (Visit(0, day, 3, True),), late=False) for day in range(7)]
    days += [CrewDay(day, (Visit(1, day, 3, True),), late=False) for day in range(2)]
    named, unnamed = name(days, ROSTER)
    per_crew = Counter(one.crew for one in named)
    assert max(per_crew.values()) <= 4
    assert len({one.crew_day.day for one in named}) == len(named), "there is one kit"
    assert all("worked enough" in one.why for one in unnamed)


def test_who_is_missing_is_said_with_the_day() -> None:
    weekdays = Member(role="driver 1", skills=("driver",), weekdays=(0, 1, 2, 3))
    crews = {"Team C": Crew(members=(weekdays, Member(role="clerk 1")))}
    roster = Roster(MONDAY, crews, {"Bus 1": Vehicle(needs=("driver",))}, {})
    _, unnamed = name([CrewDay(4, (Visit(0, 4, 3, False),), late=False)], roster)
    assert unnamed[0].why == "no crew has a driver on Friday, 07.05.2027"
    _, unnamed = name([CrewDay(0, (Visit(0, 0, 3, True),), late=False)], roster)
    assert unnamed[0].why == "no crew can carry a kit on Monday, 03.05.2027"


def test_reasons_add_up_and_name_the_runner_up_and_those_left_out() -> None:
    visits = [Visit(0, 0, 3, True), Visit(1, 1, 0, False)]
    reasons = explain(CITY, visits)
    assert all(why.total > 0 for why in reasons)
    assert reasons[0].shared > 0, "both reach the cells between them"
    assert reasons[1].served["kit"] == 0
    assert {why.instead for why in reasons} <= {spot.id for spot in SPOTS[2:]}
    rows = left_out(CITY, visits, [spot.district for spot in SPOTS])
    assert {row.district for row in rows} == {"district 0", "district 1"}
    assert rows[0].share >= rows[1].share
    assert all(0 < row.share < 1 for row in rows)
    assert {len(PATTERNS[visit.pattern]) for visit in visits} == {1, 2}
