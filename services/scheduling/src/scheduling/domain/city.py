"""The city as the planner sees it: districts with their people, and a plane grid in metres."""

from dataclasses import dataclass
from math import cos, pi, radians, sin, sqrt

LATITUDE_M, LONGITUDE_M = 110_540.0, 111_320.0  # a degree, at the equator
PETALS = 6


@dataclass(frozen=True, slots=True)
class District:
    name: str
    residents: int
    hectares: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Metres east and north of a point. Flat: good for a city."""

    latitude: float
    longitude: float

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        east = (longitude - self.longitude) * LONGITUDE_M * cos(radians(self.latitude))
        return east, (latitude - self.latitude) * LATITUDE_M


def homes(district: District, grid: Grid) -> list[tuple[float, float, float]]:
    """(x, y, people): residents spread over a circle of the district's area: its middle and six around it."""
    x, y = grid.at(district.latitude, district.longitude)
    ring = 0.66 * sqrt(district.hectares * 10_000 / pi)
    share = district.residents / (PETALS + 1)
    around = [(x + ring * cos(k * pi / 3), y + ring * sin(k * pi / 3), share) for k in range(PETALS)]
    return [(x, y, share), *around]
