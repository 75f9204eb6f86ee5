"""A plan's request, the solver's input and its result, as they are stored and sent to the solver process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from wanderamt.kernel.bounded import MAX_INT, BoundedDay
from wanderamt.kernel.decision import Job
from wanderamt.kernel.line_text import LineText

from scheduling.domain.coverage_model import CoverageProblem, PlannedVisit
from scheduling.domain.plan_proposal import AssignedCrewDay, Explanation, Roster, UnassignedCrewDay, UnservedDemand

ServiceName = Annotated[LineText, Field(max_length=100)]


class MakePlan(Job):
    QUEUE: ClassVar[str] = "make-plan"
    KEY: ClassVar[str] = "queue"
    DEADLINE_S: ClassVar[int] = 86_400

    plan_id: UUID
    queue: str = "serial"  # one key for all jobs: a plan uses all cores


class PlanRequest(BaseModel):
    """`min_visit_share`: the visits that each district must get, as a share of one visit per fortnight.

    Planned and confirmed stands stay unchanged. `replaces`: a cancelled stand; its place is not visited for a week.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: BoundedDay
    days: int = Field(30, ge=1, le=62)
    seconds: float = Field(30, ge=1, le=3_600)
    seed: int = Field(1, ge=0, le=MAX_INT)
    services: tuple[ServiceName, ...] = Field(
        (), max_length=100, description="offered at the stands; empty: all services"
    )
    min_visit_share: float = Field(1.0, ge=0, le=4)
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class SolverInput:
    """`cell_districts`: the district of each cell. `start`: visits to start the search from."""

    problem: CoverageProblem
    roster: Roster
    cell_districts: tuple[str, ...]
    seconds: float
    seed: int = 1
    iterations: int | None = None
    start: tuple[PlannedVisit, ...] = ()


@dataclass(frozen=True, slots=True)
class SolverFailure:
    reason: str


@dataclass(frozen=True, slots=True)
class SolverResult:
    """`explanations`: of every visit of the assigned crew-days, then of the unassigned ones, in their order.

    `greedy_objective`: of the greedy plan alone. `bound`: proven; no plan has a higher objective.
    """

    assigned: Sequence[AssignedCrewDay]
    unassigned: Sequence[UnassignedCrewDay]
    explanations: Sequence[Explanation]
    unserved: Sequence[UnservedDemand]
    objective: float
    greedy_objective: float
    bound: float
    seconds: float
    iterations: int
    cancelled: bool = False


SOLVER_INPUT: TypeAdapter[SolverInput] = TypeAdapter(SolverInput)
SOLVER_RESULT: TypeAdapter[SolverResult] = TypeAdapter(SolverResult)
