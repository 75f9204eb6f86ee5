"""An order to plan and what comes of it, as they travel to the solver's process and lie in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from wanderamt.kernel.decision import Job

from scheduling.domain.planning import CoverProblem, Visit
from scheduling.domain.proposal import LeftOut, Named, Roster, Unnamed, Why


class MakePlan(Job):
    QUEUE: ClassVar[str] = "make-plan"
    KEY: ClassVar[str] = "queue"
    DEADLINE_S: ClassVar[int] = 86_400

    plan_id: UUID
    queue: str = "one after the other"  # a plan takes all cores


class Wanted(BaseModel):
    """What a planner asks for. `least_share`: visits that each district wants, as a share of one each fortnight.

    Stands that are planned or confirmed stay as they are. `instead_of`: one that has fallen out: its place rests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: date
    days: int = Field(30, ge=1, le=62)
    seconds: float = Field(30, ge=1, le=3_600)
    seed: int = Field(1, ge=0)
    services: tuple[str, ...] = Field((), description="offered at the stands; empty: all there are")
    least_share: float = Field(1.0, ge=0, le=4)
    instead_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """For the solver. `districts`: of each cell."""

    problem: CoverProblem
    roster: Roster
    districts: tuple[str, ...]
    seconds: float
    seed: int = 1
    iterations: int | None = None
    start: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no plan, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Made:
    """What the solver gives back. `why`: of every visit of the named crew-days, then of the unnamed, in their order."""

    named: Sequence[Named]
    unnamed: Sequence[Unnamed]
    why: Sequence[Why]
    left_out: Sequence[LeftOut]
    worth: float
    greedy: float
    bound: float
    seconds: float
    iterations: int
    cancelled: bool = False


ORDER: TypeAdapter[Order] = TypeAdapter(Order)
MADE: TypeAdapter[Made] = TypeAdapter(Made)
