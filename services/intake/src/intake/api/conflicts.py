"""The conflict list of a stand: fields that two devices changed to different values."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from wanderamt.kernel.ids import StandId
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import ConflictDecider, ConflictReader, Context
from intake.handlers.cases import Resolution, decide_conflict, read_conflict_values, show_conflicts

MAX_CONFLICTS = 1000

router = APIRouter(tags=["conflicts"])


class ConflictOut(BaseModel):
    """Two devices changed `name`. The case holds `here`; `theirs` came later, from `device_id`."""

    conflict_id: UUID
    case_id: UUID
    entry_id: UUID
    device_id: UUID
    name: str
    base: str | int | bool | None
    here: str | int | bool | None
    theirs: str | int | bool | None
    noted_at: datetime


class DecideConflictIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    take: Resolution


@router.get("/stands/{stand_id}/conflicts")
async def conflicts_of_stand(
    stand_id: UUID, _: ConflictReader, uow: Transaction, context: Context
) -> list[ConflictOut]:
    """The conflicts of a stand: the oldest 1,000 fields that wait for a decision."""
    conflicts = await show_conflicts(StandId(stand_id), uow, limit=MAX_CONFLICTS)
    values = [read_conflict_values(conflict, context.cipher) for conflict in conflicts]
    return [
        ConflictOut(
            conflict_id=conflict.conflict_id,
            case_id=conflict.case_id,
            entry_id=conflict.entry_id,
            device_id=conflict.device_id,
            name=conflict.name,
            base=value["base"],
            here=value["current"],
            theirs=value["incoming"],
            noted_at=conflict.noted_at,
        )
        for conflict, value in zip(conflicts, values, strict=True)
    ]


@router.post("/conflicts/{conflict_id}/decide", status_code=204)
async def decide(
    conflict_id: UUID, decision: DecideConflictIn, caller: ConflictDecider, uow: Transaction, context: Context
) -> None:
    """`here` leaves the case as it is; `theirs` writes the other value."""
    or_refuse(
        await decide_conflict(
            conflict_id,
            uow,
            resolution=decision.take,
            officer=caller.subject,
            cipher=context.cipher,
            catalogue=context.catalogue,
        )
    )
