"""What was deleted at the end of its retention period, and what is due now: numbers, no names."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from wanderamt.shell.http import Transaction

from intake.api.dependencies import Context, RetentionReader
from intake.handlers.retention import plan_retention
from intake.store.retention_statements import retention_runs

router = APIRouter(tags=["retention"])


class RetentionRunOut(BaseModel):
    """Cases of a service that were deleted on a day. `retention`: how long they had been kept after their closing."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    service: str
    retention: str
    cases: int


class ExpiredOut(BaseModel):
    """Cases that the next run deletes."""

    service: str
    retention: str
    cases: int


class RetentionOut(BaseModel):
    """`to_close`: cases that the next run closes. `runs`: the newest first."""

    to_close: int
    expired: list[ExpiredOut]
    runs: list[RetentionRunOut]


@router.get("/retention")
async def show_retention(
    _: RetentionReader, uow: Transaction, context: Context, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> RetentionOut:
    """The last runs of the retention, and what it would do now."""
    plan = await plan_retention(uow, after=context.close_after, catalogue=context.catalogue)
    return RetentionOut(
        to_close=plan.to_close,
        expired=[
            ExpiredOut(service=service, retention=retention, cases=cases)
            for (service, retention), cases in plan.expired.items()
        ],
        runs=[RetentionRunOut.model_validate(run) for run in await retention_runs(uow, limit=limit)],
    )
