"""Turns a plan that only counts crews into stands with assigned crews, and explains each stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from scheduling.domain.coverage_model import (
    PATTERNS,
    CoverageProblem,
    DayBlock,
    PlannedVisit,
    captured_shares,
    unserved,
)
from scheduling.domain.resources import WEEKDAYS, Crew, Kit, Vehicle, has_skills


@dataclass(frozen=True, slots=True)
class CrewDay:
    """The visits of one crew on one day of the horizon, in order. `late`: a late shift."""

    day: int
    visits: tuple[PlannedVisit, ...]
    late: bool

    @property
    def kit(self) -> bool:
        return any(visit.kit for visit in self.visits)

    @property
    def blocks(self) -> tuple[DayBlock, ...]:
        """The blocks of the whole shift: the crew keeps its vehicle for all of it."""
        if self.late:
            return (DayBlock.AFTERNOON, DayBlock.EVENING)
        return (DayBlock.MORNING, DayBlock.AFTERNOON)


@dataclass(frozen=True, slots=True)
class AssignedCrewDay:
    crew_day: CrewDay
    crew: str
    vehicle: str
    kit: str


@dataclass(frozen=True, slots=True)
class UnassignedCrewDay:
    """`reason`: the missing resource, with the day."""

    crew_day: CrewDay
    reason: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The resources available from `first_day` on. `busy`: (kind and name, day of the horizon) already taken."""

    first_day: date
    crews: Mapping[str, Crew]
    vehicles: Mapping[str, Vehicle]
    kits: Mapping[str, Kit]
    busy: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def day(self, number: int) -> date:
        return self.first_day + timedelta(days=number)

    def week(self, number: int) -> date:
        """The Monday of the week of a day."""
        day = self.day(number)
        return day - timedelta(days=day.weekday())

    def crews_for(self, crew_day: CrewDay) -> list[str]:
        return [
            name
            for name, crew in self.crews.items()
            if (f"crew {name}", crew_day.day) not in self.busy and has_skills(crew, (), self.day(crew_day.day))
        ]

    def vehicles_for(self, crew_day: CrewDay, crew: str) -> list[str]:
        return [
            name
            for name, vehicle in self.vehicles.items()
            if (f"vehicle {name}", crew_day.day) not in self.busy
            and self.day(crew_day.day) not in vehicle.days_off
            and has_skills(self.crews[crew], vehicle.needs, self.day(crew_day.day))
        ]

    def kits_for(self, crew_day: CrewDay, crew: str) -> list[str]:
        return [
            name
            for name, kit in self.kits.items()
            if (f"kit {name}", crew_day.day) not in self.busy
            and self.day(crew_day.day) not in kit.days_off
            and has_skills(self.crews[crew], kit.needs, self.day(crew_day.day))
        ]

    def needs_rest(self, crew: str) -> bool:
        """Whether an early shift may not follow a late one."""
        return self.crews[crew].rest_h > 0

    def days_left(self, crew: str, week: date) -> int:
        """Working days left in the week that starts on this Monday."""
        first = (week - self.first_day).days
        worked = sum((f"crew {crew}", first + number) in self.busy for number in range(7))
        return max(0, self.crews[crew].days_a_week - worked)

    def crew_cost(self, crew: str) -> float:
        """Among equals the resources listed first are assigned first, so that the same plan gives the same result."""
        return list(self.crews).index(crew) * 0.01

    def vehicle_cost(self, vehicle: str) -> float:
        """As `crew_cost`, but less: the crew decides."""
        return list(self.vehicles).index(vehicle) * 0.001

    def explain_unassigned(self, crew_day: CrewDay) -> str:
        day = self.day(crew_day.day)
        when = f"{WEEKDAYS[day.weekday()]}, {day:%d.%m.%Y}"
        crews = self.crews_for(crew_day)
        if not crews:
            return f"no crew is free on {when}"
        if not any(self.vehicles_for(crew_day, crew) for crew in crews):
            needs = sorted({skill for vehicle in self.vehicles.values() for skill in vehicle.needs})
            return f"no crew has a {' or '.join(needs) or 'vehicle'} on {when}"
        if crew_day.kit and not any(self.kits_for(crew_day, crew) for crew in crews):
            return f"no crew can carry a kit on {when}"
        return f"all crews that could are elsewhere or have worked enough on {when}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a visit is proposed.

    `served`: weighted demand that no other visit serves, by group. `shared`: demand that other visits serve too,
    counted once. `runner_up`: the next best site at that time, and the demand it would serve.
    """

    served: Mapping[str, float]
    shared: float
    runner_up: str | None
    runner_up_served: float

    @property
    def total_served(self) -> float:
        return sum(self.served.values())


@dataclass(frozen=True, slots=True)
class UnservedDemand:
    """The weighted demand of a district, and the share of it that no stand serves."""

    district: str
    demand: float
    share: float


def explain_visits(problem: CoverageProblem, visits: Sequence[PlannedVisit]) -> list[Explanation]:
    """One explanation for each visit, in their order."""
    left = unserved(problem, visits)
    total = [list(cell.demand) for cell in problem.cells]
    names = [group.name for group in problem.groups]
    visited = {visit.site for visit in visits}
    explanations = []
    for visit in visits:
        own = dict.fromkeys(names, 0.0)
        alone = 0.0
        for cell, shares in captured_shares(problem, visit):
            for group, share in enumerate(shares):
                own[names[group]] += left[cell][group] * share / (1 - share)
                alone += total[cell][group] * share
        runner_up, gain = _runner_up(problem, visit, left, visited)
        explanations.append(Explanation(own, max(0.0, alone - sum(own.values())), runner_up, gain))
    return explanations


def unserved_by_district(
    problem: CoverageProblem, visits: Sequence[PlannedVisit], cell_districts: Sequence[str]
) -> list[UnservedDemand]:
    """`cell_districts`: the district of each cell. The least served district comes first."""
    left = unserved(problem, visits)
    demand: dict[str, float] = {}
    missing: dict[str, float] = {}
    for number, (cell, district) in enumerate(zip(problem.cells, cell_districts, strict=True)):
        demand[district] = demand.get(district, 0.0) + sum(cell.demand)
        missing[district] = missing.get(district, 0.0) + sum(left[number])
    rows = [
        UnservedDemand(district, total, missing[district] / total if total else 0.0)
        for district, total in demand.items()
    ]
    return sorted(rows, key=lambda row: (-row.share, row.district))


def _runner_up(
    problem: CoverageProblem, visit: PlannedVisit, left: list[list[float]], visited: set[int]
) -> tuple[str | None, float]:
    """The best other site that is open then and not visited at all, with the demand it would add to the plan."""
    best, name = 0.0, None
    weekday = problem.days[visit.day].weekday
    for number, site in enumerate(problem.sites):
        if number in visited or not all(site.opens[weekday][block] for block in PATTERNS[visit.pattern]):
            continue
        other = PlannedVisit(number, visit.day, visit.pattern, visit.kit)
        gain = sum(
            left[cell][group] * share
            for cell, shares in captured_shares(problem, other)
            for group, share in enumerate(shares)
        )
        if gain > best:
            best, name = gain, site.id
    return name, best
