"""The conflict inbox: fields that two devices changed."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import StandId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.api.outcome import told
from intake.domain.catalogue.book import Book
from intake.handlers.cases import Choice, decide_conflict, read_clash, show_conflicts

MAX_CONFLICTS = 1000


class ConflictOut(BaseModel):
    """Two devices changed `name`. `here` lies in the case, `theirs` came later from `device_id`."""

    conflict_id: UUID
    case_id: UUID
    entry_id: UUID
    device_id: UUID
    name: str
    base: str | int | bool | None
    here: str | int | bool | None
    theirs: str | int | bool | None
    noted_at: datetime


class DecisionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    take: Choice


def conflict_routes(database: Database, sealer: Sealer, book: Book) -> APIRouter:
    router = APIRouter()

    @router.get("/stands/{stand_id}/conflicts", tags=["conflicts"])
    async def conflicts(stand_id: UUID, _: Caller = only(Role.CLERK)) -> list[ConflictOut]:
        """The conflict inbox of a stand: the oldest 1,000 fields that wait for a decision."""
        async with database.work() as work:
            found = await show_conflicts(StandId(stand_id), work, limit=MAX_CONFLICTS)
        return [
            ConflictOut(
                conflict_id=one.id,
                case_id=one.case_id,
                entry_id=one.entry_id,
                device_id=one.device_id,
                name=one.name,
                noted_at=one.noted_at,
                **read_clash(one, sealer),
            )
            for one in found
        ]

    @router.post("/conflicts/{conflict_id}/decide", tags=["conflicts"], status_code=204)
    async def decide(conflict_id: UUID, decision: DecisionIn, caller: Caller = only(Role.CLERK)) -> None:
        """`here` leaves the case as it is, `theirs` fills in the other value."""
        async with database.work() as work:
            told(
                await decide_conflict(
                    conflict_id, work, choice=decision.take, officer=caller.subject, sealer=sealer, book=book
                )
            )

    return router
