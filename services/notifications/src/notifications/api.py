"""HTTP in: which notices a case had."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import CaseId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from notifications import handlers, store


class NoticeOut(BaseModel):
    """A notice without its recipient."""

    notice_id: UUID
    kind: str
    channel: str
    state: str
    reason: str
    decided_at: datetime
    ended_at: datetime | None


def add_routes(app: FastAPI, database: Database) -> None:
    router = APIRouter(tags=["notices"])

    @router.get("/cases/{case_id}/notices")
    async def notices(case_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[NoticeOut]:
        """Empty: nothing was said to this citizen, or they left no contact."""
        async with database.work() as work:
            found = await handlers.show_notices(CaseId(case_id), work)
        return [
            NoticeOut(
                notice_id=one.id,
                kind=one.kind,
                channel=one.channel,
                state=one.state,
                reason=one.reason,
                decided_at=one.decided_at,
                ended_at=one.ended_at,
            )
            for one in found
        ]

    @router.get("/notices/counts")
    async def counts(_: Caller = only(Role.OPERATOR)) -> dict[str, int]:
        """How many notices are in which state."""
        async with database.work() as work:
            return await store.count_by_state(work)

    app.include_router(router)
