"""A problem of tours: which sites to visit with which crews, each site at most once, for the most score.

The team orienteering problem (Chao, Golden and Wasil, 1996), with days, time windows and durations. One unit of time
runs through a problem: whatever unit `shift`, `duration`, `window` and travel are given in, all are.
"""

from collections.abc import Sequence
from math import hypot
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import impossible

MAX_SITES = 2_000
MAX_CREWS = 200
MAX_DAYS = 366
MOST_CELLS = 4_000_000  # sites times tours: what fits into memory many times over
NAMED = 5  # of many conflicts of one kind so many are named

Id = Annotated[str, Field(min_length=1, max_length=100)] | int
Point = tuple[FiniteFloat, FiniteFloat]
Positive = Annotated[FiniteFloat, Field(ge=0)]


class Site(BaseModel):
    """A place that may be visited once. `window`: when a visit may begin, counted from the start of the day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    x: FiniteFloat = 0.0
    y: FiniteFloat = 0.0
    score: Positive = Field(description="what a visit is worth")
    window: tuple[FiniteFloat, FiniteFloat] | None = Field(None, examples=[[0, 240]])
    duration: Positive = Field(0.0, description="how long a visit takes")


class TourCrew(BaseModel):
    """Leaves `start` and reaches `end` once each day. `shift` bounds travel plus duration; waiting is not counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    start: Point = (0.0, 0.0)
    end: Point = (0.0, 0.0)
    shift: Positive


class TourProblem(BaseModel):
    """Travel is the straight distance divided by `speed`, or stands in `travel`.

    `travel`: a square matrix over all sites in their order, then each crew's start and end in theirs:
    sites + 2 x crews rows. `travel[i][j]` is the time from i to j; it need not be the same both ways.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[Site, ...] = Field(max_length=MAX_SITES)
    crews: tuple[TourCrew, ...] = Field(min_length=1, max_length=MAX_CREWS)
    speed: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    travel: tuple[tuple[Positive, ...], ...] | None = None
    horizon: int = Field(1, ge=1, le=MAX_DAYS, description="days; each crew makes one tour each day")
    seed: int = Field(1, ge=0, le=2**31 - 1)


class Stop(BaseModel):
    site: Id
    arrives: float = Field(description="when the visit begins, from the start of the day")
    leaves: float


class Tour(BaseModel):
    """`length`: travel plus duration, without waiting."""

    crew: Id
    day: int = Field(ge=1)
    sites: list[Id]
    stops: list[Stop]
    length: float
    score: float


class TourAnswer(BaseModel):
    """`bound`: proven: no plan scores more. `seconds`: how long it was searched, of the time that was given."""

    tours: list[Tour]
    score: float
    bound: float
    seconds: float
    iterations: int
    status: Literal["optimal", "time limit", "iteration limit", "cancelled"]


def travel_times(problem: TourProblem) -> Sequence[Sequence[float]]:
    """The matrix of `TourProblem.travel`, made from the points where it is not given."""
    if problem.travel is not None:
        return problem.travel
    points = [(site.x, site.y) for site in problem.sites]
    points += [point for crew in problem.crews for point in (crew.start, crew.end)]
    return [[hypot(ax - bx, ay - by) / problem.speed for bx, by in points] for ax, ay in points]


def check(problem: TourProblem) -> Refusal | None:
    """Why nobody can plan this, naming whom it concerns; None where it can be planned."""
    told = [*_doubled("site", problem.sites), *_doubled("crew", problem.crews), *_windows(problem.sites)]
    told += _matrix(problem) or _crews(problem)
    cells = len(problem.sites) * len(problem.crews) * problem.horizon
    if cells > MOST_CELLS:
        told.append(f"{cells:,} pairs of site and tour are more than {MOST_CELLS:,}: plan fewer days, crews or sites")
    return impossible(told) if told else None


def _doubled(kind: str, those: Sequence[Site] | Sequence[TourCrew]) -> list[str]:
    seen: set[str] = set()
    twice = {str(one.id) for one in those if str(one.id) in seen or seen.add(str(one.id))}  # type: ignore[func-returns-value]
    return [f"{kind} {one} is there twice" for one in sorted(twice)[:NAMED]]


def _windows(sites: Sequence[Site]) -> list[str]:
    wrong = [site for site in sites if site.window and site.window[1] < site.window[0]]
    return [f"the window of site {site.id} ends before it starts" for site in wrong[:NAMED]]


def _matrix(problem: TourProblem) -> list[str]:
    if problem.travel is None:
        return []
    size = len(problem.sites) + 2 * len(problem.crews)
    wide = {len(row) for row in problem.travel}
    if len(problem.travel) == size and wide == {size}:
        return []
    return [
        f"travel has {len(problem.travel)} rows of {', '.join(map(str, sorted(wide))) or 0}; {len(problem.sites)} sites"
        f" and {len(problem.crews)} crews need {size} rows of {size}: the sites, then each crew's start and end"
    ]


def _crews(problem: TourProblem) -> list[str]:
    times, sites = travel_times(problem), len(problem.sites)
    told = []
    for number, crew in enumerate(problem.crews):
        way = times[sites + 2 * number][sites + 2 * number + 1]
        if way > crew.shift + 1e-9:
            told.append(f"crew {crew.id} needs {way:g} from its start to its end and has a shift of {crew.shift:g}")
    return told[:NAMED]
