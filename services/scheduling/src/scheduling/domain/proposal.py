"""From a plan that counts crews to stands that name them, and why each of them is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from scheduling.domain.planning import PATTERNS, Block, CoverProblem, Visit, missed, shares_of
from scheduling.domain.resources import WEEKDAYS, Crew, Kit, Vehicle, skilled


@dataclass(frozen=True, slots=True)
class CrewDay:
    """What one crew does on one day of the horizon: its visits in order."""

    day: int
    visits: tuple[Visit, ...]
    late: bool

    @property
    def kit(self) -> bool:
        return any(one.kit for one in self.visits)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Of the whole shift: a vehicle is out all the time."""
        return (Block.AFTERNOON, Block.EVENING) if self.late else (Block.MORNING, Block.AFTERNOON)


@dataclass(frozen=True, slots=True)
class Named:
    crew_day: CrewDay
    crew: str
    vehicle: str
    kit: str


@dataclass(frozen=True, slots=True)
class Unnamed:
    """`why`: who or what is missing, with the day."""

    crew_day: CrewDay
    why: str


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is there from `first` on. `busy`: (kind and name, day of the horizon) of those that are taken already."""

    first: date
    crews: Mapping[str, Crew]
    vehicles: Mapping[str, Vehicle]
    kits: Mapping[str, Kit]
    busy: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def day(self, number: int) -> date:
        return self.first + timedelta(days=number)

    def week(self, number: int) -> date:
        day = self.day(number)
        return day - timedelta(days=day.weekday())

    def crews_for(self, one: CrewDay) -> list[str]:
        return [
            name
            for name, crew in self.crews.items()
            if (f"crew {name}", one.day) not in self.busy and skilled(crew, (), self.day(one.day))
        ]

    def vehicles_for(self, one: CrewDay, crew: str) -> list[str]:
        return [
            name
            for name, vehicle in self.vehicles.items()
            if (f"vehicle {name}", one.day) not in self.busy
            and self.day(one.day) not in vehicle.days_off
            and skilled(self.crews[crew], vehicle.needs, self.day(one.day))
        ]

    def kits_for(self, one: CrewDay, crew: str) -> list[str]:
        return [
            name
            for name, kit in self.kits.items()
            if (f"kit {name}", one.day) not in self.busy
            and self.day(one.day) not in kit.days_off
            and skilled(self.crews[crew], kit.needs, self.day(one.day))
        ]

    def rests(self, crew: str) -> bool:
        """Whether an early day may not follow a late one."""
        return self.crews[crew].rest_h > 0

    def days_left(self, crew: str, week: date) -> int:
        """Of the week that begins on this Monday, those that are taken already counted off."""
        first = (week - self.first).days
        worked = sum((f"crew {crew}", first + number) in self.busy for number in range(7))
        return max(0, self.crews[crew].days_a_week - worked)

    def cost(self, crew: str, vehicle: str) -> float:
        """Among equals the first listed go first, so that the same plan is named the same way."""
        return list(self.crews).index(crew) * 0.01 + list(self.vehicles).index(vehicle) * 0.001

    def why_not(self, one: CrewDay) -> str:
        day = self.day(one.day)
        when = f"{WEEKDAYS[day.weekday()]}, {day:%d.%m.%Y}"
        crews = self.crews_for(one)
        if not crews:
            return f"no crew is free on {when}"
        if not any(self.vehicles_for(one, crew) for crew in crews):
            needs = sorted({skill for vehicle in self.vehicles.values() for skill in vehicle.needs})
            return f"no crew has a {' or '.join(needs) or 'vehicle'} on {when}"
        if one.kit and not any(self.kits_for(one, crew) for crew in crews):
            return f"no crew can carry a kit on {when}"
        return f"all crews that could are elsewhere or have worked enough on {when}"


@dataclass(frozen=True, slots=True)
class Why:
    """Of one visit. `served`: weighted wishes it serves that nobody else does, by feature; `shared`: those it has in
    common with other stands, counted once; `instead`: the next best place at that time, with what it would serve."""

    served: Mapping[str, float]
    shared: float
    instead: str | None
    instead_served: float

    @property
    def total(self) -> float:
        return sum(self.served.values())


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Of one district: what is wanted there, and the share that no stand serves."""

    district: str
    wanted: float
    share: float


def explain(problem: CoverProblem, visits: Sequence[Visit]) -> list[Why]:
    """For each visit, in their order."""
    left = missed(problem, visits)
    whole = [list(cell.wanted) for cell in problem.cells]
    names = [one.name for one in problem.features]
    visited = {one.spot for one in visits}
    found = []
    for visit in visits:
        own = dict.fromkeys(names, 0.0)
        alone = 0.0
        for cell, shares in shares_of(problem, visit):
            for feature, share in enumerate(shares):
                own[names[feature]] += left[cell][feature] * share / (1 - share)
                alone += whole[cell][feature] * share
        other, gain = _runner_up(problem, visit, left, visited)
        found.append(Why(own, max(0.0, alone - sum(own.values())), other, gain))
    return found


def left_out(problem: CoverProblem, visits: Sequence[Visit], districts: Sequence[str]) -> list[LeftOut]:
    """`districts`: of each cell. The least served first."""
    left = missed(problem, visits)
    wanted: dict[str, float] = {}
    without: dict[str, float] = {}
    for place, (cell, district) in enumerate(zip(problem.cells, districts, strict=True)):
        wanted[district] = wanted.get(district, 0.0) + sum(cell.wanted)
        without[district] = without.get(district, 0.0) + sum(left[place])
    rows = [LeftOut(one, total, without[one] / total if total else 0.0) for one, total in wanted.items()]
    return sorted(rows, key=lambda row: (-row.share, row.district))


def _runner_up(
    problem: CoverProblem, visit: Visit, left: list[list[float]], visited: set[int]
) -> tuple[str | None, float]:
    """The best other place that is open then and not visited at all, with what it would serve beside the plan."""
    best, name = 0.0, None
    weekday = problem.days[visit.day].weekday
    for number, spot in enumerate(problem.spots):
        if number in visited or not all(spot.opens[weekday][block] for block in PATTERNS[visit.pattern]):
            continue
        other = Visit(number, visit.day, visit.pattern, visit.kit)
        gain = sum(
            left[cell][feature] * share
            for cell, shares in shares_of(problem, other)
            for feature, share in enumerate(shares)
        )
        if gain > best:
            best, name = gain, spot.id
    return name, best
