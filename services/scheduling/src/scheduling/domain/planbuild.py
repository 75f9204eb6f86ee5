"""Makes the planner's problem out of what the city has: places, crews, vehicles, kits, stands, people and demand.

Kept true: a stand that is planned or confirmed already stays where it is; its crew, vehicle and kit count as taken,
and whoever lives near it counts as served.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from wanderamt.kernel.refusal import Refusal

from scheduling.domain.city import District, Grid, homes
from scheduling.domain.demand.forecast import Model, hours_by_block
from scheduling.domain.offer import Offer
from scheduling.domain.planmaking import Made, Order, Wanted
from scheduling.domain.planning import PATTERNS, Block, Cell, CoverProblem, Day, Feature, Spot, Visit
from scheduling.domain.proposal import Roster
from scheduling.domain.refusals import NO_PLACES
from scheduling.domain.resources import Crew, Kit, Pitch, Vehicle, skilled
from scheduling.domain.stand import Plan, Stand, StandState

HOURS_A_MONTH = 160.0  # of stands next door: what somebody wants of them all month is what they would fetch in those
FORTNIGHT = 14
BLOCK_HOURS = {Block.MORNING: (8, 12), Block.AFTERNOON: (12, 17), Block.EVENING: (17, 20)}
HOLDS = frozenset({StandState.PLANNED, StandState.CONFIRMED, StandState.RUNNING, StandState.CLOSED})
WINDOWS = {
    (Block.MORNING,): (time(8, 30), time(11, 30)),
    (Block.AFTERNOON,): (time(13), time(16)),
    (Block.EVENING,): (time(17), time(20)),
    (Block.MORNING, Block.AFTERNOON): (time(9), time(15, 30)),
    (Block.AFTERNOON, Block.EVENING): (time(13), time(19, 30)),
}


@dataclass(frozen=True, slots=True)
class Means:
    """What the city has, by name."""

    pitches: Mapping[str, Pitch]
    crews: Mapping[str, Crew]
    vehicles: Mapping[str, Vehicle]
    kits: Mapping[str, Kit]
    districts: Sequence[District]
    offers: Mapping[str, Offer]


def build(
    wanted: Wanted, means: Means, model: Model, stands: Sequence[Stand], *, zone: ZoneInfo, gone: Stand | None = None
) -> Order | Refusal:
    """`stands`: those that begin in the horizon, and a week before and after; `gone`: one that has fallen out."""
    places = {
        name: one for name, one in means.pitches.items() if one.latitude is not None and one.longitude is not None
    }
    if not places or not means.crews or not means.vehicles or not means.districts:
        return NO_PLACES
    grid = Grid(fmean(one.latitude for one in means.districts), fmean(one.longitude for one in means.districts))
    held = [one for one in stands if one.state in HOLDS]
    fixed = [one for one in held if one.plan.latitude is not None and 0 <= _day(one, wanted, zone) < wanted.days]
    spots = [_spot(name, pitch, grid) for name, pitch in places.items()]
    pinned: list[Visit] = []
    barred: set[Visit] = set()
    for one in fixed:
        spots.append(_fixed_spot(one, grid))
        pinned.append(Visit(len(spots) - 1, _day(one, wanted, zone), _pattern(one, zone), kit=True))
    days = tuple(_limits(wanted.first_day + timedelta(days=at), means, pinned, at) for at in range(wanted.days))
    for number, spot in enumerate(spots[: len(places)]):
        for stand, visit in zip(fixed, pinned, strict=True):
            if stand.plan.place == spot.id:
                barred |= _near_days(number, visit.day, wanted.days)
        if gone and gone.plan.place == spot.id:
            barred |= _near_days(number, _day(gone, wanted, zone), wanted.days)
    codes = wanted.services or tuple(means.offers)
    cells, districts = _cells(places, means, grid, model, codes, wanted.days)
    least = {
        one.name: round(wanted.least_share * wanted.days / FORTNIGHT)
        for one in means.districts
        if one.residents > 1_000
    }
    with_place = {spot.district for spot in spots}
    problem = CoverProblem(
        spots=tuple(spots),
        cells=tuple(cells),
        features=(
            Feature("without kit", _presence(model), needs_kit=False),
            Feature("with kit", _presence(model), needs_kit=True),
        ),
        days=days,
        least={name: many for name, many in least.items() if name in with_place},
        pinned=tuple(pinned),
        forbidden=frozenset(barred),
    )
    busy = frozenset(
        (f"{kind} {name}", _day(one, wanted, zone))
        for one in held
        for kind, name in (("crew", one.plan.crew), ("vehicle", one.plan.vehicle), ("kit", one.plan.kit))
    )
    roster = Roster(wanted.first_day, means.crews, means.vehicles, means.kits, busy)
    return Order(problem, roster, tuple(districts), wanted.seconds, wanted.seed)


def _spot(name: str, pitch: Pitch, grid: Grid) -> Spot:
    assert pitch.latitude is not None and pitch.longitude is not None  # noqa: S101, PT018 -- chosen by the caller
    x, y = grid.at(pitch.latitude, pitch.longitude)
    opens = tuple(tuple(_opens(pitch, weekday, block) for block in Block) for weekday in range(7))
    return Spot(name, x, y, pitch.district, pitch.desks, opens)  # type: ignore[arg-type]


def _opens(pitch: Pitch, weekday: int, block: Block) -> bool:
    """Whether a place is open long enough in a block for a stand: three hours of it."""
    if not pitch.hours:
        return weekday < 6
    begin, end = BLOCK_HOURS[block]
    return any(
        weekday in one.weekdays and min(end, one.closes.hour) - max(begin, one.opens.hour) >= 3 for one in pitch.hours
    )


def _fixed_spot(stand: Stand, grid: Grid) -> Spot:
    plan = stand.plan
    x, y = grid.at(plan.latitude or 0.0, plan.longitude or 0.0)
    return Spot(f"{plan.place} (fixed)", x, y, plan.district, plan.desks, ((True, True, True),) * 7)


def _day(stand: Stand, wanted: Wanted, zone: ZoneInfo) -> int:
    return (stand.plan.starts_at.astimezone(zone).date() - wanted.first_day).days


def _pattern(stand: Stand, zone: ZoneInfo) -> int:
    """The blocks that a stand fills, two of them at most."""
    hours = hours_by_block(stand.plan.busy_from, stand.plan.busy_until, zone)
    long = sorted(sorted(hours, key=lambda block: -hours[block])[:2])
    filled = tuple(block for block in long if hours[block] >= 1) or tuple(long[:1])
    return PATTERNS.index(filled) if filled in PATTERNS else PATTERNS.index((filled[0],))


def _limits(day: date, means: Means, pinned: Sequence[Visit], at: int) -> Day:
    """Crews that are on duty and have a vehicle they may drive; kits that one of them can carry."""
    on_duty = [crew for crew in means.crews.values() if skilled(crew, (), day)]
    vehicles = [one for one in means.vehicles.values() if day not in one.days_off]
    drivers = [crew for crew in on_duty if any(skilled(crew, one.needs, day) for one in vehicles)]
    kits = [one for one in means.kits.values() if day not in one.days_off]
    carriers = [crew for crew in drivers if any(skilled(crew, one.needs, day) for one in kits)]
    load = Counter(block for one in pinned if one.day == at for block in PATTERNS[one.pattern])
    there = max(load[Block.MORNING] + load[Block.EVENING], load[Block.AFTERNOON])  # never fewer than are out already
    crews = max(min(len(drivers), len(vehicles)), there)
    return Day(day.weekday(), crews, max(min(len(carriers), len(kits), crews), there))


def _near_days(spot: int, day: int, days: int) -> set[Visit]:
    around = range(max(0, day - 6), min(days, day + 7))
    return {Visit(spot, at, pattern, kit) for at in around for pattern in range(len(PATTERNS)) for kit in (False, True)}


def _cells(
    places: Mapping[str, Pitch], means: Means, grid: Grid, model: Model, codes: Sequence[str], days: int
) -> tuple[list[Cell], list[str]]:
    """Where people live, and where they are by day, with what they want in so many days."""
    plain, kit = (
        sum(model.rate.get(code, 0.0) for code in codes if code in means.offers and means.offers[code].kit == needs)
        for needs in (False, True)
    )
    share = HOURS_A_MONTH * days / 30 / 1_000
    cells: list[Cell] = []
    districts: list[str] = []
    for district in means.districts:
        for x, y, people in homes(district, grid):
            cells.append(Cell(x, y, (people * share * plain, people * share * kit)))
            districts.append(district.name)
    for name, pitch in places.items():
        if pitch.people and pitch.latitude is not None and pitch.longitude is not None:
            x, y = grid.at(pitch.latitude, pitch.longitude)
            liked = model.place.get(name, 1.0) * pitch.people * share
            cells.append(Cell(x, y, (liked * plain, liked * kit)))
            districts.append(pitch.district)
    return cells, districts


def _presence(model: Model) -> tuple[float, float, float]:
    """From the factors of blocks and weekdays: whoever comes more in the evening is there more in the evening."""
    day = fmean(model.block.get(block, 1.0) for block in (Block.MORNING, Block.AFTERNOON))
    evening = model.block.get(Block.EVENING, 1.0)
    weekend = day * fmean(model.weekday.get(one, 1.0) for one in (5, 6))
    most = max(day, evening, weekend, 1e-9)
    return 0.9 * day / most, 0.9 * evening / most, 0.9 * weekend / most


def plans_of(made: Made, order: Order, wanted: Wanted, means: Means, zone: ZoneInfo) -> list[Plan]:
    """The proposal as stands, in the order of the named crew-days' visits."""
    codes = wanted.services or tuple(means.offers)
    found = []
    for named in made.named:
        for visit in named.crew_day.visits:
            spot, day = order.problem.spots[visit.spot], wanted.first_day + timedelta(days=visit.day)
            begin, end = WINDOWS[PATTERNS[visit.pattern]]
            kit = named.kit if visit.kit else ""
            served = [code for code in codes if kit or not (code in means.offers and means.offers[code].kit)]
            pitch = means.pitches.get(spot.id, Pitch())
            found.append(
                Plan(
                    place=spot.id,
                    district=spot.district,
                    starts_at=datetime.combine(day, begin, zone),
                    ends_at=datetime.combine(day, end, zone),
                    crew=named.crew,
                    vehicle=named.vehicle,
                    kit=named.kit or f"without kit ({named.crew})",
                    services=tuple(served or codes),
                    target_group=next(iter(pitch.groups), None),
                    setup_min=30,
                    teardown_min=30,
                    desks=spot.desks,
                    latitude=pitch.latitude,
                    longitude=pitch.longitude,
                )
            )
    return found
