"""Generates cities: clustered homes, groups of people, places with opening hours, crews with days off.

The same seed generates the same city. The sizes are those of Linz: 215,000 people, a centre and suburbs.
"""

from dataclasses import dataclass

import numpy as np
from scheduling.domain.coverage_model import CoverageProblem, DemandCell, DemandGroup, PlanDay, Site

HALF_M = 6_000.0  # a city of 12 km x 12 km
PEOPLE = 215_000
GROUPS = ("adults", "older", "young")
SHARES = (11.0, 4.5, 4.5)
PRESENCE = (
    (0.45, 0.85, 0.90),
    (0.90, 0.45, 0.60),
    (0.60, 0.75, 0.70),
)  # share at home or near by: by day, in the evening, at the weekend
DEMAND = ((0.018, 0.012), (0.022, 0.008), (0.020, 0.020))  # per person, month and group: without a kit, with a kit
GROUP_WEIGHTS = (1.0, 1.4, 1.1)
OPEN = (0.85, 0.85, 0.45)  # probability by block, on weekdays
SATURDAY = (0.5, 0.3, 0.0)
TILES = 4  # districts per side


@dataclass(frozen=True)
class CitySize:
    sites: int = 200
    days: int = 30
    crews: int = 6
    vehicles: int = 5
    kits: int = 2


def city(seed: int, size: CitySize = CitySize()) -> CoverageProblem:
    rng = np.random.default_rng(seed)
    homes, people = _homes(rng, max(60, size.sites * 3 // 2))
    split = rng.dirichlet(SHARES, len(homes))
    wanted = people[:, None, None] * split[:, :, None] * np.array(DEMAND) * np.array(GROUP_WEIGHTS)[None, :, None]
    near = rng.choice(len(homes), size.sites, p=people / people.sum())
    places = homes[near] + rng.normal(0, 250, (size.sites, 2))
    sites = tuple(_site(rng, number, x, y) for number, (x, y) in enumerate(places))
    days = tuple(_day(rng, number, size) for number in range(size.days))
    return CoverageProblem(
        sites=sites,
        cells=tuple(DemandCell(x, y, tuple(row.reshape(-1))) for (x, y), row in zip(homes, wanted, strict=True)),
        groups=tuple(
            DemandGroup(f"{group}, {kit}", presence, needs_kit=kit == "kit")
            for group, presence in zip(GROUPS, PRESENCE, strict=True)
            for kit in ("plain", "kit")
        ),
        days=days,
        min_visits={site.district: max(1, size.days // 15) for site in sites},
    )


def _homes(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    centres = rng.uniform(-HALF_M, HALF_M, (9, 2))
    which = rng.choice(9, count, p=rng.dirichlet(np.full(9, 2.0)))
    homes = np.clip(centres[which] + rng.normal(0, 1_100, (count, 2)), -HALF_M, HALF_M)
    apart = rng.random(count) < 0.25
    homes[apart] = rng.uniform(-HALF_M, HALF_M, (int(apart.sum()), 2))
    people = rng.lognormal(6.2, 0.7, count)
    return homes, people * PEOPLE / people.sum()


def _site(rng: np.random.Generator, number: int, x: float, y: float) -> Site:
    tile = [int(np.clip((at + HALF_M) / (2 * HALF_M) * TILES, 0, TILES - 1)) for at in (x, y)]
    rows = [OPEN] * 5 + [SATURDAY, (0.0, 0.0, 0.0)]
    opens = tuple((bool(a), bool(b), bool(c)) for a, b, c in (rng.random(3) < np.array(row) for row in rows))
    return Site(f"site {number}", float(x), float(y), f"{tile[0]}/{tile[1]}", int(rng.choice([2, 2, 3])), opens)


def _day(rng: np.random.Generator, number: int, size: CitySize) -> PlanDay:
    weekday = number % 7
    duty = 0 if weekday == 6 else size.crews // 2 if weekday == 5 else size.crews - int(rng.integers(0, 2))
    skilled = int(rng.integers(1, 4))
    crews = min(duty, size.vehicles)
    return PlanDay(weekday, crews, min(size.kits, skilled, crews))
