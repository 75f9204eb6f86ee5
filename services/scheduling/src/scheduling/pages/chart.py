"""A map as a picture: points by their coordinates, over tiles where the city has a server for them.

Web Mercator (EPSG:3857), as the tiles of all servers are cut. Works without any tile: then it is points on paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh, cos, floor, pi, radians, tan

TILE = 256
WIDTH, HEIGHT, MARGIN = 720, 420, 40
DEEPEST = 16
BAR_M = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True, slots=True)
class Dot:
    """`x`, `y`: pixels from the upper left."""

    x: float
    y: float
    label: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Tile:
    x: float
    y: float
    url: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`bar`: length of the scale in pixels, `bar_m` in metres."""

    dots: tuple[Dot, ...]
    tiles: tuple[Tile, ...]
    bar: float
    bar_m: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Place:
    latitude: float
    longitude: float
    label: str
    title: str
    link: str


def chart(places: Sequence[Place], *, tiles_url: str = "") -> Chart | None:
    """None where there is nothing to show. Dots on the same spot are set beside each other."""
    if not places:
        return None
    world = [_mercator(one.latitude, one.longitude) for one in places]
    wide = max(max(x for x, _ in world) - min(x for x, _ in world), 1e-6)
    high = max(max(y for _, y in world) - min(y for _, y in world), 1e-6)
    fits = min((WIDTH - 2 * MARGIN) / (wide * TILE), (HEIGHT - 2 * MARGIN) / (high * TILE))
    zoom = min(DEEPEST, max(0, floor(_log2(fits))))
    scale = TILE * 2**zoom if tiles_url else min(TILE * fits, TILE * 2**DEEPEST)
    left = (max(x for x, _ in world) + min(x for x, _ in world)) / 2 * scale - WIDTH / 2
    top = (max(y for _, y in world) + min(y for _, y in world)) / 2 * scale - HEIGHT / 2
    dots, there = [], set[tuple[int, int]]()
    for (x, y), one in zip(world, places, strict=True):
        at = (round(x * scale - left), round(y * scale - top))
        while at in there:
            at = (at[0] + 26, at[1])
        there.add(at)
        dots.append(Dot(at[0], at[1], one.label, one.title, one.link))
    metres = 40_075_016 * cos(radians(places[0].latitude)) / scale
    bar_m = max((one for one in BAR_M if one / metres <= WIDTH / 3), default=BAR_M[0])
    tiles = _tiles(tiles_url, zoom, left, top) if tiles_url else ()
    return Chart(tuple(dots), tuple(tiles), bar_m / metres, bar_m)


def _tiles(url: str, zoom: int, left: float, top: float) -> list[Tile]:
    found = []
    for column in range(floor(left / TILE), floor((left + WIDTH) / TILE) + 1):
        for row in range(floor(top / TILE), floor((top + HEIGHT) / TILE) + 1):
            address = url.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row))
            found.append(Tile(column * TILE - left, row * TILE - top, address))
    return found


def _mercator(latitude: float, longitude: float) -> tuple[float, float]:
    """In [0, 1) x [0, 1), from the north-west."""
    return (longitude + 180) / 360, (1 - asinh(tan(radians(latitude))) / pi) / 2


def _log2(value: float) -> float:
    power = 0
    while value >= 2:
        value, power = value / 2, power + 1
    while value < 1:
        value, power = value * 2, power - 1
    return power
