"""Plans: request, progress and result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from scheduling.domain.plan_job import PlanRequest, SolverInput, SolverResult
from scheduling.tables import PlanRow


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """`state`: requested, running, ready, accepted, failed or cancelled. `progress`: share of the search time used."""

    id: UUID
    state: str
    request: PlanRequest
    solver_input: SolverInput
    result: SolverResult | None
    progress: float
    objective: float
    bound: float | None
    reason: str | None
    requested_at: datetime
    ended_at: datetime | None


async def add_plan(uow: UnitOfWork, plan_id: UUID, request: PlanRequest, solver_input: SolverInput) -> None:
    values = {"id": plan_id, "state": "requested", "request": request, "solver_input": solver_input}
    await uow.session.exec(insert(PlanRow).values(**values, requested_at=uow.now))


async def find_plan(uow: UnitOfWork, plan_id: UUID, *, lock: bool = False) -> StoredPlan | None:
    query = select(PlanRow).where(PlanRow.id == plan_id)
    row = (await uow.session.exec(query.with_for_update() if lock else query)).first()
    return value_of(StoredPlan, row) if row else None


async def lock_plan(uow: UnitOfWork, plan_id: UUID) -> StoredPlan | None:
    return await find_plan(uow, plan_id, lock=True)


async def plan_summaries(uow: UnitOfWork, *, limit: int) -> Sequence[dict[str, Any]]:
    """The latest plans without input and result, the newest first."""
    shown = PlanRow.__table__.c  # type: ignore[attr-defined]
    columns = [shown[name] for name in _SUMMARY]
    rows = await uow.session.exec(select(*columns).order_by(col(PlanRow.requested_at).desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def save_progress(uow: UnitOfWork, plan_id: UUID, *, progress: float, objective: float, bound: float) -> bool:
    """False: the plan was cancelled."""
    running = update(PlanRow).where(col(PlanRow.id) == plan_id, col(PlanRow.state).in_(("requested", "running")))
    proven = None if bound == float("inf") else bound
    changed = running.values(state="running", progress=progress, objective=objective, bound=proven)
    return (await uow.session.exec(changed)).rowcount == 1


async def end_plan(
    uow: UnitOfWork, plan_id: UUID, state: str, *, result: SolverResult | None = None, reason: str | None = None
) -> None:
    values: dict[str, Any] = {"state": state, "ended_at": uow.now, "reason": reason}
    if result:
        values |= {"result": result, "objective": result.objective, "bound": result.bound}
    if state == "ready":
        values["progress"] = 1.0
    await uow.session.exec(update(PlanRow).where(col(PlanRow.id) == plan_id).values(**values))


_SUMMARY = ("plan_id", "state", "progress", "objective", "bound", "reason", "requested_at", "ended_at")
