"""The city as the planner sees it: districts with their residents, and a plane grid in metres."""

from dataclasses import dataclass
from math import cos, pi, radians, sin, sqrt

LATITUDE_M, LONGITUDE_M = 110_540.0, 111_320.0  # length of a degree at the equator
RING_POINTS = 6


@dataclass(frozen=True, slots=True)
class District:
    name: str
    residents: int
    hectares: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Metres east and north of an origin. A plane is accurate enough for one city."""

    latitude: float
    longitude: float

    def to_metres(self, latitude: float, longitude: float) -> tuple[float, float]:
        east = (longitude - self.longitude) * LONGITUDE_M * cos(radians(self.latitude))
        return east, (latitude - self.latitude) * LATITUDE_M


def residents_by_point(district: District, grid: Grid) -> list[tuple[float, float, float]]:
    """(x, y, residents): the residents spread over a circle of the district's area: its centre and six points."""
    x, y = grid.to_metres(district.latitude, district.longitude)
    ring = 0.66 * sqrt(district.hectares * 10_000 / pi)
    share = district.residents / (RING_POINTS + 1)
    around = [(x + ring * cos(k * pi / 3), y + ring * sin(k * pi / 3), share) for k in range(RING_POINTS)]
    return [(x, y, share), *around]
