"""SQL of plans: request, progress and result."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed

from scheduling.domain.plan_job import SOLVER_INPUT, SOLVER_RESULT, PlanRequest, SolverInput, SolverResult


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


async def add_plan(uow: UnitOfWork, plan_id: UUID, request: PlanRequest, solver_input: SolverInput) -> bool:
    """False: the id exists already."""
    status = await uow.db.execute(
        "INSERT INTO plan (plan_id, state, request, solver_input, requested_at)"
        " VALUES ($1, 'requested', $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        plan_id,
        request.model_dump(mode="json"),
        SOLVER_INPUT.dump_python(solver_input, mode="json"),
        uow.now,
    )
    return rows_changed(status) == 1


async def find_plan(uow: UnitOfWork, plan_id: UUID) -> StoredPlan | None:
    row = await uow.db.fetchrow("SELECT * FROM plan WHERE plan_id = $1", plan_id)
    return _plan(row) if row else None


async def lock_plan(uow: UnitOfWork, plan_id: UUID) -> StoredPlan | None:
    row = await uow.db.fetchrow("SELECT * FROM plan WHERE plan_id = $1 FOR UPDATE", plan_id)
    return _plan(row) if row else None


async def plan_rows(uow: UnitOfWork, *, limit: int) -> list[Any]:
    """The latest plans without input and result, the newest first."""
    return list(
        await uow.db.fetch(
            "SELECT plan_id, state, progress, objective, bound, reason, requested_at, ended_at FROM plan"
            " ORDER BY requested_at DESC LIMIT $1",
            limit,
        )
    )


async def save_progress(uow: UnitOfWork, plan_id: UUID, *, progress: float, objective: float, bound: float) -> bool:
    """False: the plan was cancelled."""
    status = await uow.db.execute(
        "UPDATE plan SET state = 'running', progress = $2, objective = $3, bound = $4"
        " WHERE plan_id = $1 AND state IN ('requested', 'running')",
        plan_id,
        progress,
        objective,
        None if bound == float("inf") else bound,
    )
    return rows_changed(status) == 1


async def end_plan(
    uow: UnitOfWork, plan_id: UUID, state: str, *, result: SolverResult | None = None, reason: str | None = None
) -> None:
    await uow.db.execute(
        """
        UPDATE plan SET state = $2::text, ended_at = $3, reason = $4, solver_result = coalesce($5, solver_result),
            objective = coalesce($6, objective), bound = coalesce($7, bound),
            progress = CASE WHEN $2::text = 'ready' THEN 1 ELSE progress END
        WHERE plan_id = $1
        """,
        plan_id,
        state,
        uow.now,
        reason,
        SOLVER_RESULT.dump_python(result, mode="json") if result else None,
        result.objective if result else None,
        result.bound if result else None,
    )


def _plan(row: Any) -> StoredPlan:
    return StoredPlan(
        row["plan_id"],
        row["state"],
        PlanRequest.model_validate(row["request"]),
        SOLVER_INPUT.validate_python(row["solver_input"]),
        SOLVER_RESULT.validate_python(row["solver_result"]) if row["solver_result"] else None,
        row["progress"],
        row["objective"],
        row["bound"],
        row["reason"],
        row["requested_at"],
        row["ended_at"],
    )
