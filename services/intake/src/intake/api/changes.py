"""The way back to the field app: what changed at its stand, by long poll."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from wanderamt.backbone.database import Database
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.api.cases import CaseOut, case_out
from intake.api.outcome import at_stand, told
from intake.domain.catalogue.book import Book
from intake.domain.process.happening import FieldValue
from intake.handlers.changes import Changes, changes_since

MAX_WAIT_S = 25
LOOK_AGAIN_S = 1.0


class ChangedCase(CaseOut):
    """With its form: another device of the stand goes on with it. `version` is the base version of what it adds."""

    form: dict[str, FieldValue]


class ChangesOut(BaseModel):
    """Cases as they are now, each once. Keep `cursor` when all of the page is kept, and send it with the next request.

    `durable_through`: every entry of the device up to this sequence is kept here; what is older than 14 days may go.
    `reset`: the server was restored. Forget what it told before, and send the entries of the last 14 days again.
    """

    cases: list[ChangedCase]
    cursor: str
    more: bool
    reset: bool
    durable_through: int
    server_epoch: str
    server_time: datetime = Field(description="To know how far the device's clock is off. Never orders anything.")


def change_routes(database: Database, sealer: Sealer, _book: Book) -> APIRouter:
    router = APIRouter(tags=["field"])

    @router.get("/changes")
    async def changes(
        cursor: Annotated[str, Query(max_length=200)] = "",
        wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="How long to wait for a change.")] = 0,
        acked: Annotated[int, Query(ge=0, le=2**53, description="The highest device_seq ever answered.")] = 0,
        caller: Caller = only(Role.CLERK),
    ) -> ChangesOut:
        """What changed at the stand of the token since `cursor`. Empty: nothing did while we waited."""
        device_id, stand_id = at_stand(caller)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            async with database.work() as work:
                found: Changes = told(
                    await changes_since(
                        cursor, work, device_id=device_id, stand_id=stand_id, acked=acked, sealer=sealer
                    )
                )
            left = until - loop.time()
            if found.cases or found.reset or left <= 0:
                return _changes_out(found, now=work.now)
            await asyncio.sleep(min(LOOK_AGAIN_S, left))

    return router


def _changes_out(found: Changes, *, now: datetime) -> ChangesOut:
    cases = [(case_out(filed, missing=found.missing_scans), filed.case.form) for filed in found.cases]
    return ChangesOut(
        cases=[ChangedCase(**case.model_dump(), form=dict(form)) for case, form in cases],
        cursor=str(found.cursor),
        more=found.more,
        reset=found.reset,
        durable_through=found.durable_through,
        server_epoch=found.cursor.epoch,
        server_time=now,
    )
