"""The tour model: which sites to visit with which crews, each site at most once, for the highest total score.

The team orienteering problem (Chao, Golden and Wasil, 1996) with days, time windows and durations. All times of a
problem have one unit: that of `shift`, `duration`, `window` and travel.
"""

from collections.abc import Sequence
from math import hypot
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import infeasible

MAX_SITES = 2_000
MAX_CREWS = 200
MAX_DAYS = 366
MAX_PAIRS = 4_000_000  # sites times tours: bounds the memory of the solver
MAX_NAMED = 5  # conflicts of one kind that a refusal names

TourId = Annotated[str, Field(min_length=1, max_length=100)] | int
Point = tuple[FiniteFloat, FiniteFloat]
NonNegative = Annotated[FiniteFloat, Field(ge=0)]


class TourSite(BaseModel):
    """A place that can be visited once. `window`: when a visit may begin, counted from the start of the day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: TourId
    x: FiniteFloat = 0.0
    y: FiniteFloat = 0.0
    score: NonNegative = Field(description="value of a visit")
    window: tuple[FiniteFloat, FiniteFloat] | None = Field(None, examples=[[0, 240]])
    duration: NonNegative = Field(0.0, description="length of a visit")


class TourCrew(BaseModel):
    """Makes one tour per day from `start` to `end`. `shift` bounds travel plus duration; waiting does not count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: TourId
    start: Point = (0.0, 0.0)
    end: Point = (0.0, 0.0)
    shift: NonNegative


class TourProblem(BaseModel):
    """The travel time is the straight distance divided by `speed`, unless `travel` gives it.

    `travel`: a square matrix over all sites in their order, then each crew's start and end in theirs:
    sites + 2 x crews rows. `travel[i][j]` is the time from i to j; it may differ from the time from j to i.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sites: tuple[TourSite, ...] = Field(max_length=MAX_SITES)
    crews: tuple[TourCrew, ...] = Field(min_length=1, max_length=MAX_CREWS)
    speed: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    travel: tuple[tuple[NonNegative, ...], ...] | None = None
    horizon: int = Field(1, ge=1, le=MAX_DAYS, description="days; each crew makes one tour per day")
    seed: int = Field(1, ge=0, le=2**31 - 1)


class TourStop(BaseModel):
    site: TourId
    arrives: float = Field(description="when the visit begins, counted from the start of the day")
    leaves: float


class Tour(BaseModel):
    """`length`: travel plus duration, without waiting."""

    crew: TourId
    day: int = Field(ge=1)
    sites: list[TourId]
    stops: list[TourStop]
    length: float
    score: float


class TourPlan(BaseModel):
    """`bound`: proven; no plan has a higher score. `seconds`: the search time that was used."""

    tours: list[Tour]
    score: float
    bound: float
    seconds: float
    iterations: int
    status: Literal["optimal", "time limit", "iteration limit", "cancelled"]


def travel_times(problem: TourProblem) -> Sequence[Sequence[float]]:
    """The matrix of `TourProblem.travel`, computed from the points if the problem has none."""
    if problem.travel is not None:
        return problem.travel
    points = [(site.x, site.y) for site in problem.sites]
    points += [point for crew in problem.crews for point in (crew.start, crew.end)]
    return [[hypot(ax - bx, ay - by) / problem.speed for bx, by in points] for ax, ay in points]


def check_tour_problem(problem: TourProblem) -> Refusal | None:
    """A refusal that names every reason why the problem has no solution; None if it can be solved."""
    conflicts = [
        *_duplicates("site", problem.sites),
        *_duplicates("crew", problem.crews),
        *_windows(problem.sites),
    ]
    conflicts += _matrix(problem) or _crews(problem)
    pairs = len(problem.sites) * len(problem.crews) * problem.horizon
    if pairs > MAX_PAIRS:
        conflicts.append(
            f"{pairs:,} pairs of site and tour are more than {MAX_PAIRS:,}: plan fewer days, crews or sites"
        )
    return infeasible(conflicts) if conflicts else None


def _duplicates(kind: str, items: Sequence[TourSite] | Sequence[TourCrew]) -> list[str]:
    seen: set[str] = set()
    twice = {str(item.id) for item in items if str(item.id) in seen or seen.add(str(item.id))}  # type: ignore[func-returns-value]
    return [f"{kind} {id_} appears twice" for id_ in sorted(twice)[:MAX_NAMED]]


def _windows(sites: Sequence[TourSite]) -> list[str]:
    wrong = [site for site in sites if site.window and site.window[1] < site.window[0]]
    return [f"the window of site {site.id} ends before it starts" for site in wrong[:MAX_NAMED]]


def _matrix(problem: TourProblem) -> list[str]:
    if problem.travel is None:
        return []
    size = len(problem.sites) + 2 * len(problem.crews)
    widths = {len(row) for row in problem.travel}
    if len(problem.travel) == size and widths == {size}:
        return []
    return [
        f"travel has {len(problem.travel)} rows of {', '.join(map(str, sorted(widths))) or 0}; {len(problem.sites)}"
        f" sites and {len(problem.crews)} crews need {size} rows of {size}: the sites, then each crew's start and end"
    ]


def _crews(problem: TourProblem) -> list[str]:
    times, sites = travel_times(problem), len(problem.sites)
    conflicts = []
    for number, crew in enumerate(problem.crews):
        time = times[sites + 2 * number][sites + 2 * number + 1]
        if time > crew.shift + 1e-9:
            conflicts.append(
                f"crew {crew.id} needs {time:g} from its start to its end and has a shift of {crew.shift:g}"
            )
    return conflicts[:MAX_NAMED]
