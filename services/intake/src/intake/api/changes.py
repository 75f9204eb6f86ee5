"""Changes at a stand, for the crew's app, by long poll."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from wanderamt.shell.problems import or_refuse

from intake.api.cases import CaseOut, case_out
from intake.api.dependencies import AtStand, Context
from intake.domain.case.case_events import FieldValue
from intake.handlers.changes import Changes, changes_since

MAX_WAIT_S = 25
POLL_INTERVAL_S = 1.0

router = APIRouter(tags=["field"])


class ChangedCaseOut(CaseOut):
    """A case with its form, so that another device of the stand can continue it.

    `version` is the base version of what that device adds.
    """

    form: dict[str, FieldValue]


class ChangesOut(BaseModel):
    """Cases as they are now, each once. Store the whole page, then `cursor`, and send it with the next request.

    `durable_through`: the server keeps every entry of the device up to this sequence; the device may delete them
    after 14 days. `reset`: the server was restored from a backup. Forget its earlier answers, and send the entries of
    the last 14 days again.
    """

    cases: list[ChangedCaseOut]
    cursor: str
    more: bool
    reset: bool
    durable_through: int
    server_epoch: str
    server_time: datetime = Field(description="Shows how far the device's clock is off. It orders nothing.")


@router.get("/changes")
async def show_changes(
    caller: AtStand,
    context: Context,
    cursor: Annotated[str, Query(max_length=200)] = "",
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="How long to wait for a change.")] = 0,
    acked: Annotated[int, Query(ge=0, le=2**53, description="The highest device_seq ever answered.")] = 0,
) -> ChangesOut:
    """What changed since `cursor` at the stand that the token names. No cases: nothing changed while we waited."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        # No `Transaction` dependency: each look has a transaction of its own, and none is open while we wait.
        async with context.database.unit_of_work() as uow:
            changes = or_refuse(
                await changes_since(
                    cursor,
                    uow,
                    device_id=caller.device_id,
                    stand_id=caller.stand_id,
                    acked=acked,
                    cipher=context.cipher,
                )
            )
        remaining = until - loop.time()
        if changes.cases or changes.reset or remaining <= 0:
            return _changes_out(changes, now=uow.now)
        await asyncio.sleep(min(POLL_INTERVAL_S, remaining))


def _changes_out(changes: Changes, *, now: datetime) -> ChangesOut:
    cases = [(case_out(record, missing=changes.missing_scans), record.case.form) for record in changes.cases]
    return ChangesOut(
        cases=[ChangedCaseOut(**case.model_dump(), form=dict(form)) for case, form in cases],
        cursor=str(changes.cursor),
        more=changes.more,
        reset=changes.reset,
        durable_through=changes.durable_through,
        server_epoch=changes.cursor.epoch,
        server_time=now,
    )
