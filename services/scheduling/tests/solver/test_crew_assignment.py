"""Crews, vehicles and kits are assigned by their rules; what cannot be assigned has a reason."""

from collections import Counter
from datetime import date

import pytest
from scheduling.domain.coverage_model import (
    PATTERNS,
    CoverageProblem,
    DemandCell,
    DemandGroup,
    PlanDay,
    PlannedVisit,
    Site,
)
from scheduling.domain.plan_proposal import CrewDay, Roster, explain_visits, unserved_by_district
from scheduling.domain.resources import Crew, CrewMember, Kit, Vehicle
from scheduling.solver.crew_assignment import assign_crews, crew_days

OPEN = ((True, True, True),) * 7
SPOTS = tuple(Site(f"place {x}", x * 1_000.0, 0.0, f"district {x % 2}", 2, OPEN) for x in range(6))
CITY = CoverageProblem(
    SPOTS,
    tuple(DemandCell(x * 1_000.0, 200.0, (50.0, 30.0)) for x in range(6)),
    (DemandGroup("plain", (0.5, 0.5, 0.5), needs_kit=False), DemandGroup("kit", (0.5, 0.5, 0.5), needs_kit=True)),
    tuple(PlanDay(day % 7, 3, 1) for day in range(7)),
    {},
)
MONDAY = date(2027, 5, 3)
CREWS = {"Team A": Crew(rest_h=11, days_a_week=4), "Team B": Crew(rest_h=11, days_a_week=4)}
ROSTER = Roster(MONDAY, CREWS, {"Bus 1": Vehicle(), "Bus 2": Vehicle()}, {"Koffer 1": Kit()})


def test_every_visit_is_in_one_crew_day_and_short_ones_are_paired_with_the_nearest() -> None:
    visits = [
        PlannedVisit(0, 0, 0, False),
        PlannedVisit(3, 0, 0, False),
        PlannedVisit(1, 0, 1, False),
        PlannedVisit(4, 0, 1, False),
    ]
    days = crew_days(CITY, visits)
    assert Counter(visit for day in days for visit in day.visits) == Counter(visits)
    assert {tuple(visit.site for visit in day.visits) for day in days} == {(0, 1), (3, 4)}


def test_no_crew_is_at_two_places_or_works_early_after_a_late_shift() -> None:
    late, early = [CrewDay(day, (PlannedVisit(day, day, 4, False),), late=True) for day in range(3)], []
    early = [CrewDay(day, (PlannedVisit(5 - day, day, 3, False),), late=False) for day in range(1, 4)]
    assigned, unassigned = assign_crews([*late, *early], ROSTER)
    assert len(assigned) + len(unassigned) == 6
    assert len({(row.crew, row.crew_day.day) for row in assigned}) == len(assigned)
    for late_row in assigned:
        for row in assigned:
            if late_row.crew == row.crew and late_row.crew_day.late and not row.crew_day.late:
                assert row.crew_day.day != late_row.crew_day.day + 1
    assert len(assigned) == 6, "there is a way: one crew late, the other early"


def test_working_days_and_kits_are_respected() -> None:
    days = [CrewDay(day, (PlannedVisit(0, day, 3, True),), late=False) for day in range(7)]
    days += [CrewDay(day, (PlannedVisit(1, day, 3, True),), late=False) for day in range(2)]
    assigned, unassigned = assign_crews(days, ROSTER)
    per_crew = Counter(row.crew for row in assigned)
    assert max(per_crew.values()) <= 4
    assert len({row.crew_day.day for row in assigned}) == len(assigned), "there is one kit"
    assert all("worked enough" in row.reason for row in unassigned)


def _large_roster() -> tuple[list[CrewDay], Roster]:
    """As many crews, vehicles and kits as a large city has, and stands for half of them on each day."""
    driver = CrewMember(role="driver 1", skills=("driver",))
    crews = {f"Team {n}": Crew(members=(driver,) if n % 2 else (), rest_h=11, days_a_week=5) for n in range(25)}
    vehicles = {f"Bus {n}": Vehicle(needs=("driver",) if n % 3 else ()) for n in range(25)}
    kits = {f"Koffer {n}": Kit() for n in range(25)}
    days = [
        CrewDay(day, (PlannedVisit(site, day, 4 if site % 2 else 3, kit=True),), late=site % 2 == 1)
        for day in range(5)
        for site in range(12)
    ]
    return days, Roster(MONDAY, crews, vehicles, kits)


def test_many_interchangeable_resources_are_assigned() -> None:
    days, roster = _large_roster()
    assigned, unassigned = assign_crews(days, roster)
    assert (len(assigned), len(unassigned)) == (60, 0)
    for kind in ("crew", "vehicle", "kit"):
        assert len({(getattr(row, kind), row.crew_day.day) for row in assigned}) == 60


def test_a_solver_without_time_still_assigns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduling.solver.crew_assignment.MAX_SOLVE_S", 0.0)
    days, roster = _large_roster()
    assigned, _ = assign_crews(days, roster)
    assert len(assigned) > 50


def test_a_missing_resource_is_named_with_the_day() -> None:
    weekdays = CrewMember(role="driver 1", skills=("driver",), weekdays=(0, 1, 2, 3))
    crews = {"Team C": Crew(members=(weekdays, CrewMember(role="clerk 1")))}
    roster = Roster(MONDAY, crews, {"Bus 1": Vehicle(needs=("driver",))}, {})
    _, unassigned = assign_crews([CrewDay(4, (PlannedVisit(0, 4, 3, False),), late=False)], roster)
    assert unassigned[0].reason == "no crew has a driver on Friday, 07.05.2027"
    _, unassigned = assign_crews([CrewDay(0, (PlannedVisit(0, 0, 3, True),), late=False)], roster)
    assert unassigned[0].reason == "no crew can carry a kit on Monday, 03.05.2027"


def test_explanations_add_up_and_name_the_runner_up_and_unserved_demand() -> None:
    visits = [PlannedVisit(0, 0, 3, True), PlannedVisit(1, 1, 0, False)]
    reasons = explain_visits(CITY, visits)
    assert all(why.total_served > 0 for why in reasons)
    assert reasons[0].shared > 0, "both reach the cells between them"
    assert reasons[1].served["kit"] == 0
    assert {why.runner_up for why in reasons} <= {site.id for site in SPOTS[2:]}
    rows = unserved_by_district(CITY, visits, [site.district for site in SPOTS])
    assert {row.district for row in rows} == {"district 0", "district 1"}
    assert rows[0].share >= rows[1].share
    assert all(0 < row.share < 1 for row in rows)
    assert {len(PATTERNS[visit.pattern]) for visit in visits} == {1, 2}
