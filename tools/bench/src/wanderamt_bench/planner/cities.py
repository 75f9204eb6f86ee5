"""Generated cities: clustered homes, groups with habits, places with opening hours, crews with days off.

The same seed gives the same city. Figures follow Linz: some 215,000 people, a core and suburbs, markets in the morning.
"""

from dataclasses import dataclass

import numpy as np
from scheduling.domain.planning import Cell, CoverProblem, Day, Feature, Spot

HALF_M = 6_000.0  # a city of 12 km x 12 km
PEOPLE = 215_000
GROUPS = ("adults", "older", "young")
SHARES = (11.0, 4.5, 4.5)
PRESENCE = ((0.45, 0.85, 0.90), (0.90, 0.45, 0.60), (0.60, 0.75, 0.70))  # by day, in the evening, at the weekend
WISHES = ((0.018, 0.012), (0.022, 0.008), (0.020, 0.020))  # a month, of each group: without a kit, with one
POLICY = (1.0, 1.4, 1.1)  # weights of the groups
OPEN = (0.85, 0.85, 0.45)  # of weekdays' blocks
SATURDAY = (0.5, 0.3, 0.0)
TILES = 4  # districts a side


@dataclass(frozen=True)
class Size:
    sites: int = 200
    days: int = 30
    crews: int = 6
    vehicles: int = 5
    kits: int = 2


def city(seed: int, size: Size = Size()) -> CoverProblem:
    chance = np.random.default_rng(seed)
    homes, people = _homes(chance, max(60, size.sites * 3 // 2))
    split = chance.dirichlet(SHARES, len(homes))
    wanted = people[:, None, None] * split[:, :, None] * np.array(WISHES) * np.array(POLICY)[None, :, None]
    near = chance.choice(len(homes), size.sites, p=people / people.sum())
    places = homes[near] + chance.normal(0, 250, (size.sites, 2))
    spots = tuple(_spot(chance, number, x, y) for number, (x, y) in enumerate(places))
    days = tuple(_day(chance, number, size) for number in range(size.days))
    return CoverProblem(
        spots=spots,
        cells=tuple(Cell(x, y, tuple(row.reshape(-1))) for (x, y), row in zip(homes, wanted, strict=True)),
        features=tuple(
            Feature(f"{group}, {kit}", presence, needs_kit=kit == "kit")
            for group, presence in zip(GROUPS, PRESENCE, strict=True)
            for kit in ("plain", "kit")
        ),
        days=days,
        least={spot.district: max(1, size.days // 15) for spot in spots},
    )


def _homes(chance: np.random.Generator, many: int) -> tuple[np.ndarray, np.ndarray]:
    centres = chance.uniform(-HALF_M, HALF_M, (9, 2))
    which = chance.choice(9, many, p=chance.dirichlet(np.full(9, 2.0)))
    homes = np.clip(centres[which] + chance.normal(0, 1_100, (many, 2)), -HALF_M, HALF_M)
    apart = chance.random(many) < 0.25
    homes[apart] = chance.uniform(-HALF_M, HALF_M, (int(apart.sum()), 2))
    people = chance.lognormal(6.2, 0.7, many)
    return homes, people * PEOPLE / people.sum()


def _spot(chance: np.random.Generator, number: int, x: float, y: float) -> Spot:
    tile = [int(np.clip((at + HALF_M) / (2 * HALF_M) * TILES, 0, TILES - 1)) for at in (x, y)]
    rows = [OPEN] * 5 + [SATURDAY, (0.0, 0.0, 0.0)]
    opens = tuple((bool(a), bool(b), bool(c)) for a, b, c in (chance.random(3) < np.array(row) for row in rows))
    return Spot(f"site {number}", float(x), float(y), f"{tile[0]}/{tile[1]}", int(chance.choice([2, 2, 3])), opens)


def _day(chance: np.random.Generator, number: int, size: Size) -> Day:
    weekday = number % 7
    duty = 0 if weekday == 6 else size.crews // 2 if weekday == 5 else size.crews - int(chance.integers(0, 2))
    skilled = int(chance.integers(1, 4))
    crews = min(duty, size.vehicles)
    return Day(weekday, crews, min(size.kits, skilled, crews))
