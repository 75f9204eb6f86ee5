"""Plans: what was asked, how far it is, what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work, rows_changed

from scheduling.domain.planmaking import MADE, ORDER, Made, Order, Wanted


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """`state`: asked, running, ready, accepted, failed or cancelled. `share` of its time that is over."""

    id: UUID
    state: str
    wanted: Wanted
    order: Order
    made: Made | None
    share: float
    worth: float
    bound: float | None
    reason: str | None
    asked_at: datetime
    ended_at: datetime | None


async def add_plan(work: Work, plan_id: UUID, wanted: Wanted, order: Order) -> bool:
    """False: the id is there already."""
    status = await work.db.execute(
        "INSERT INTO plan (plan_id, state, asked, problem, asked_at) VALUES ($1, 'asked', $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        plan_id,
        wanted.model_dump(mode="json"),
        ORDER.dump_python(order, mode="json"),
        work.now,
    )
    return rows_changed(status) == 1


async def find_plan(work: Work, plan_id: UUID) -> KeptPlan | None:
    row = await work.db.fetchrow("SELECT * FROM plan WHERE plan_id = $1", plan_id)
    return _plan(row) if row else None


async def lock_plan(work: Work, plan_id: UUID) -> KeptPlan | None:
    row = await work.db.fetchrow("SELECT * FROM plan WHERE plan_id = $1 FOR UPDATE", plan_id)
    return _plan(row) if row else None


async def plan_rows(work: Work, *, limit: int) -> list[Any]:
    """Heads alone, the latest first."""
    return list(
        await work.db.fetch(
            "SELECT plan_id, state, share, worth, bound, reason, asked_at, ended_at FROM plan"
            " ORDER BY asked_at DESC LIMIT $1",
            limit,
        )
    )


async def note_progress(work: Work, plan_id: UUID, *, share: float, worth: float, bound: float) -> bool:
    """Whether it is still wanted."""
    status = await work.db.execute(
        "UPDATE plan SET state = 'running', share = $2, worth = $3, bound = $4"
        " WHERE plan_id = $1 AND state IN ('asked', 'running')",
        plan_id,
        share,
        worth,
        None if bound == float("inf") else bound,
    )
    return rows_changed(status) == 1


async def end_plan(
    work: Work, plan_id: UUID, state: str, *, made: Made | None = None, reason: str | None = None
) -> None:
    await work.db.execute(
        """
        UPDATE plan SET state = $2::text, ended_at = $3, reason = $4, answer = coalesce($5, answer),
            worth = coalesce($6, worth), bound = coalesce($7, bound),
            share = CASE WHEN $2::text = 'ready' THEN 1 ELSE share END
        WHERE plan_id = $1
        """,
        plan_id,
        state,
        work.now,
        reason,
        MADE.dump_python(made, mode="json") if made else None,
        made.worth if made else None,
        made.bound if made else None,
    )


def _plan(row: Any) -> KeptPlan:
    return KeptPlan(
        row["plan_id"],
        row["state"],
        Wanted.model_validate(row["asked"]),
        ORDER.validate_python(row["problem"]),
        MADE.validate_python(row["answer"]) if row["answer"] else None,
        row["share"],
        row["worth"],
        row["bound"],
        row["reason"],
        row["asked_at"],
        row["ended_at"],
    )
