"""Builds the coverage problem from the city's places, crews, vehicles, kits, stands, residents and expected demand.

Invariants: a planned or confirmed stand stays unchanged; its crew, vehicle and kit count as taken, and the demand near
it counts as served.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from wanderamt.kernel.refusal import Refusal

from scheduling.domain.bookable_service import BookableService
from scheduling.domain.city import District, Grid, residents_by_point
from scheduling.domain.coverage_model import (
    PATTERNS,
    CoverageProblem,
    DayBlock,
    DemandCell,
    DemandGroup,
    PlanDay,
    PlannedVisit,
    Site,
)
from scheduling.domain.demand.forecast import DemandModel, hours_by_block
from scheduling.domain.plan_job import PlanRequest, SolverInput, SolverResult
from scheduling.domain.plan_proposal import Roster
from scheduling.domain.refusals import NO_PLACES
from scheduling.domain.resources import Crew, Kit, Pitch, Vehicle, has_skills
from scheduling.domain.stand import Stand, StandDetails, StandState

HOURS_A_MONTH = 160.0  # a month's demand equals the visits during this many hours of a stand next door
FORTNIGHT = 14
MIN_RESIDENTS = 1_000  # smaller districts have no minimum of visits
BLOCK_HOURS = {DayBlock.MORNING: (8, 12), DayBlock.AFTERNOON: (12, 17), DayBlock.EVENING: (17, 20)}
FIXED_STATES = frozenset({StandState.PLANNED, StandState.CONFIRMED, StandState.RUNNING, StandState.CLOSED})
WINDOWS = {
    (DayBlock.MORNING,): (time(8, 30), time(11, 30)),
    (DayBlock.AFTERNOON,): (time(13), time(16)),
    (DayBlock.EVENING,): (time(17), time(20)),
    (DayBlock.MORNING, DayBlock.AFTERNOON): (time(9), time(15, 30)),
    (DayBlock.AFTERNOON, DayBlock.EVENING): (time(13), time(19, 30)),
}


@dataclass(frozen=True, slots=True)
class Resources:
    """The city's resources by name, its districts and its services."""

    pitches: Mapping[str, Pitch]
    crews: Mapping[str, Crew]
    vehicles: Mapping[str, Vehicle]
    kits: Mapping[str, Kit]
    districts: Sequence[District]
    services: Mapping[str, BookableService]


def build_problem(
    request: PlanRequest,
    resources: Resources,
    model: DemandModel,
    stands: Sequence[Stand],
    *,
    zone: ZoneInfo,
    replaced: Stand | None = None,
) -> SolverInput | Refusal:
    """`stands`: those of the horizon and of a week before and after. `replaced`: the stand that was cancelled."""
    places = {
        name: pitch
        for name, pitch in resources.pitches.items()
        if pitch.latitude is not None and pitch.longitude is not None
    }
    if not places or not resources.crews or not resources.vehicles or not resources.districts:
        return NO_PLACES
    grid = Grid(
        fmean(district.latitude for district in resources.districts),
        fmean(district.longitude for district in resources.districts),
    )
    fixed_stands = [stand for stand in stands if stand.state in FIXED_STATES]
    in_horizon = [
        stand
        for stand in fixed_stands
        if stand.details.latitude is not None and 0 <= _day(stand, request, zone) < request.days
    ]
    sites = [_site(name, pitch, grid) for name, pitch in places.items()]
    pinned: list[PlannedVisit] = []
    for stand in in_horizon:
        sites.append(_fixed_site(stand, grid))
        pinned.append(PlannedVisit(len(sites) - 1, _day(stand, request, zone), _pattern(stand, zone), kit=True))
    days = tuple(
        _plan_day(request.first_day + timedelta(days=number), resources, pinned, number)
        for number in range(request.days)
    )
    occupied = [(stand.details.place, visit.day) for stand, visit in zip(in_horizon, pinned, strict=True)]
    if replaced:
        occupied.append((replaced.details.place, _day(replaced, request, zone)))
    codes = request.services or tuple(resources.services)
    cells, cell_districts = _cells(places, resources, grid, model, codes, request.days)
    problem = CoverageProblem(
        sites=tuple(sites),
        cells=tuple(cells),
        groups=(
            DemandGroup("without kit", _presence(model), needs_kit=False),
            DemandGroup("with kit", _presence(model), needs_kit=True),
        ),
        days=days,
        min_visits=_min_visits(request, resources.districts, {site.district for site in sites}),
        pinned=tuple(pinned),
        forbidden=_resting_visits(sites[: len(places)], occupied, request.days),
    )
    busy = frozenset(
        (f"{kind} {name}", _day(stand, request, zone))
        for stand in fixed_stands
        for kind, name in (
            ("crew", stand.details.crew),
            ("vehicle", stand.details.vehicle),
            ("kit", stand.details.kit),
        )
    )
    roster = Roster(request.first_day, resources.crews, resources.vehicles, resources.kits, busy)
    return SolverInput(problem, roster, tuple(cell_districts), request.seconds, request.seed)


def _min_visits(request: PlanRequest, districts: Sequence[District], with_site: set[str]) -> dict[str, int]:
    visits = round(request.min_visit_share * request.days / FORTNIGHT)
    return {
        district.name: visits
        for district in districts
        if district.residents > MIN_RESIDENTS and district.name in with_site
    }


def _resting_visits(sites: Sequence[Site], occupied: Sequence[tuple[str, int]], days: int) -> frozenset[PlannedVisit]:
    """`occupied`: (place, day) of stands after and before which the place rests."""
    return frozenset(
        visit
        for number, site in enumerate(sites)
        for place, day in occupied
        if place == site.id
        for visit in _visits_around(number, day, days)
    )


def _site(name: str, pitch: Pitch, grid: Grid) -> Site:
    assert pitch.latitude is not None and pitch.longitude is not None  # noqa: S101, PT018 -- chosen by the caller
    x, y = grid.to_metres(pitch.latitude, pitch.longitude)
    opens = tuple(tuple(_opens(pitch, weekday, block) for block in DayBlock) for weekday in range(7))
    return Site(name, x, y, pitch.district, pitch.desks, opens)  # type: ignore[arg-type]


def _opens(pitch: Pitch, weekday: int, block: DayBlock) -> bool:
    """Whether a place is open for at least three hours of a block."""
    if not pitch.hours:
        return weekday < 6
    begin, end = BLOCK_HOURS[block]
    return any(
        weekday in hours.weekdays and min(end, hours.closes.hour) - max(begin, hours.opens.hour) >= 3
        for hours in pitch.hours
    )


def _fixed_site(stand: Stand, grid: Grid) -> Site:
    details = stand.details
    x, y = grid.to_metres(details.latitude or 0.0, details.longitude or 0.0)
    return Site(f"{details.place} (fixed)", x, y, details.district, details.desks, ((True, True, True),) * 7)


def _day(stand: Stand, request: PlanRequest, zone: ZoneInfo) -> int:
    return (stand.details.starts_at.astimezone(zone).date() - request.first_day).days


def _pattern(stand: Stand, zone: ZoneInfo) -> int:
    """The blocks that a stand fills, two of them at most."""
    hours = hours_by_block(stand.details.busy_from, stand.details.busy_until, zone)
    longest = sorted(sorted(hours, key=lambda block: -hours[block])[:2])
    filled = tuple(block for block in longest if hours[block] >= 1) or tuple(longest[:1])
    return PATTERNS.index(filled) if filled in PATTERNS else PATTERNS.index((filled[0],))


def _plan_day(day: date, resources: Resources, pinned: Sequence[PlannedVisit], number: int) -> PlanDay:
    """Counts crews on duty with a vehicle they may drive, and kits that one of them can carry."""
    on_duty = [crew for crew in resources.crews.values() if has_skills(crew, (), day)]
    vehicles = [vehicle for vehicle in resources.vehicles.values() if day not in vehicle.days_off]
    drivers = [crew for crew in on_duty if any(has_skills(crew, vehicle.needs, day) for vehicle in vehicles)]
    kits = [kit for kit in resources.kits.values() if day not in kit.days_off]
    carriers = [crew for crew in drivers if any(has_skills(crew, kit.needs, day) for kit in kits)]
    load = Counter(block for visit in pinned if visit.day == number for block in PATTERNS[visit.pattern])
    # never fewer than the pinned visits use already
    used = max(load[DayBlock.MORNING] + load[DayBlock.EVENING], load[DayBlock.AFTERNOON])
    crews = max(min(len(drivers), len(vehicles)), used)
    return PlanDay(day.weekday(), crews, max(min(len(carriers), len(kits), crews), used))


def _visits_around(site: int, day: int, days: int) -> set[PlannedVisit]:
    around = range(max(0, day - 6), min(days, day + 7))
    return {
        PlannedVisit(site, number, pattern, kit)
        for number in around
        for pattern in range(len(PATTERNS))
        for kit in (False, True)
    }


def _cells(
    places: Mapping[str, Pitch],
    resources: Resources,
    grid: Grid,
    model: DemandModel,
    codes: Sequence[str],
    days: int,
) -> tuple[list[DemandCell], list[str]]:
    """The points where people live, and where they are by day, with their demand over the horizon."""
    known = resources.services
    rate_without_kit, rate_with_kit = (
        sum(model.rate.get(code, 0.0) for code in codes if code in known and known[code].kit == needs_kit)
        for needs_kit in (False, True)
    )
    share = HOURS_A_MONTH * days / 30 / 1_000
    cells: list[DemandCell] = []
    districts: list[str] = []
    for district in resources.districts:
        for x, y, people in residents_by_point(district, grid):
            cells.append(DemandCell(x, y, (people * share * rate_without_kit, people * share * rate_with_kit)))
            districts.append(district.name)
    for name, pitch in places.items():
        if pitch.people and pitch.latitude is not None and pitch.longitude is not None:
            x, y = grid.to_metres(pitch.latitude, pitch.longitude)
            people = model.place.get(name, 1.0) * pitch.people * share
            cells.append(DemandCell(x, y, (people * rate_without_kit, people * rate_with_kit)))
            districts.append(pitch.district)
    return cells, districts


def _presence(model: DemandModel) -> tuple[float, float, float]:
    """Presence by day, in the evening and at the weekend, in proportion to the fitted factors."""
    day = fmean(model.block.get(block, 1.0) for block in (DayBlock.MORNING, DayBlock.AFTERNOON))
    evening = model.block.get(DayBlock.EVENING, 1.0)
    weekend = day * fmean(model.weekday.get(weekday, 1.0) for weekday in (5, 6))
    largest = max(day, evening, weekend, 1e-9)
    return 0.9 * day / largest, 0.9 * evening / largest, 0.9 * weekend / largest


def proposed_stands(
    result: SolverResult, solver_input: SolverInput, request: PlanRequest, resources: Resources, zone: ZoneInfo
) -> list[StandDetails]:
    """The proposal as stands, in the order of the assigned crew-days' visits."""
    codes = request.services or tuple(resources.services)
    stands = []
    for assigned in result.assigned:
        for visit in assigned.crew_day.visits:
            site = solver_input.problem.sites[visit.site]
            day = request.first_day + timedelta(days=visit.day)
            begin, end = WINDOWS[PATTERNS[visit.pattern]]
            kit = assigned.kit if visit.kit else ""
            services = [
                code for code in codes if kit or not (code in resources.services and resources.services[code].kit)
            ]
            pitch = resources.pitches.get(site.id, Pitch())
            stands.append(
                StandDetails(
                    place=site.id,
                    district=site.district,
                    starts_at=datetime.combine(day, begin, zone),
                    ends_at=datetime.combine(day, end, zone),
                    crew=assigned.crew,
                    vehicle=assigned.vehicle,
                    kit=assigned.kit or f"without kit ({assigned.crew})",
                    services=tuple(services or codes),
                    target_group=next(iter(pitch.groups), None),
                    setup_min=30,
                    teardown_min=30,
                    desks=site.desks,
                    latitude=pitch.latitude,
                    longitude=pitch.longitude,
                )
            )
    return stands
