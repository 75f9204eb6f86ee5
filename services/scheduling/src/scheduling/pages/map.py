"""Draws places on a map as SVG data: dots by coordinates, over map tiles if the city has a tile server.

The projection is Web Mercator (EPSG:3857), which all tile servers use. Without tiles the map shows the dots alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh, cos, floor, log2, pi, radians, tan

TILE = 256
WIDTH, HEIGHT, MARGIN = 720, 420, 40
MAX_ZOOM = 16
SCALE_BARS_M = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
EQUATOR_M = 40_075_016
DOT_DISTANCE = 26


@dataclass(frozen=True, slots=True)
class MapDot:
    """`x`, `y`: pixels from the upper left."""

    x: float
    y: float
    label: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class MapTile:
    x: float
    y: float
    url: str


@dataclass(frozen=True, slots=True)
class MapPicture:
    """`bar`: length of the scale bar in pixels, `bar_m` in metres."""

    dots: tuple[MapDot, ...]
    tiles: tuple[MapTile, ...]
    bar: float
    bar_m: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class MapPlace:
    latitude: float
    longitude: float
    label: str
    title: str
    link: str


def draw_map(places: Sequence[MapPlace], *, tiles_url: str = "") -> MapPicture | None:
    """None without places. Dots at the same point are drawn beside each other.

    `tiles_url`: template with {z}, {x} and {y}; empty: no tiles.
    """
    if not places:
        return None
    world = [_mercator(place.latitude, place.longitude) for place in places]
    width = max(max(x for x, _ in world) - min(x for x, _ in world), 1e-6)
    height = max(max(y for _, y in world) - min(y for _, y in world), 1e-6)
    fits = min((WIDTH - 2 * MARGIN) / (width * TILE), (HEIGHT - 2 * MARGIN) / (height * TILE))
    zoom = min(MAX_ZOOM, max(0, floor(log2(fits))))
    scale = TILE * 2**zoom if tiles_url else min(TILE * fits, TILE * 2**MAX_ZOOM)
    left = (max(x for x, _ in world) + min(x for x, _ in world)) / 2 * scale - WIDTH / 2
    top = (max(y for _, y in world) + min(y for _, y in world)) / 2 * scale - HEIGHT / 2
    dots, used = [], set[tuple[int, int]]()
    for (x, y), place in zip(world, places, strict=True):
        at = (round(x * scale - left), round(y * scale - top))
        while at in used:
            at = (at[0] + DOT_DISTANCE, at[1])
        used.add(at)
        dots.append(MapDot(at[0], at[1], place.label, place.title, place.link))
    metres_per_pixel = EQUATOR_M * cos(radians(places[0].latitude)) / scale
    bar_m = max((metres for metres in SCALE_BARS_M if metres / metres_per_pixel <= WIDTH / 3), default=SCALE_BARS_M[0])
    tiles = _tiles(tiles_url, zoom, left, top) if tiles_url else ()
    return MapPicture(tuple(dots), tuple(tiles), bar_m / metres_per_pixel, bar_m)


def _tiles(url: str, zoom: int, left: float, top: float) -> list[MapTile]:
    tiles = []
    for column in range(floor(left / TILE), floor((left + WIDTH) / TILE) + 1):
        for row in range(floor(top / TILE), floor((top + HEIGHT) / TILE) + 1):
            address = url.replace("{z}", str(zoom)).replace("{x}", str(column)).replace("{y}", str(row))
            tiles.append(MapTile(column * TILE - left, row * TILE - top, address))
    return tiles


def _mercator(latitude: float, longitude: float) -> tuple[float, float]:
    """In [0, 1) x [0, 1), from the north-west."""
    return (longitude + 180) / 360, (1 - asinh(tan(radians(latitude))) / pi) / 2
