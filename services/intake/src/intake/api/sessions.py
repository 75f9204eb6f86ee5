"""For operators: the running sessions on devices, and officers who are cut off."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.persistence.cut_offs import active_cut_offs
from wanderamt.contracts import CutOffKind
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import Context, CutOffLister, OfficerCutter, SessionEnder, SessionLister
from intake.handlers import sessions as session_handlers
from intake.store.sessions import running_sessions

MAX_ROWS = 1000

router = APIRouter(tags=["access"])

Reason = Annotated[LineText, Field(min_length=5, max_length=200, examples=["the tablet was stolen"])]


class SessionOut(BaseModel):
    """A clerk's session on a device at a stand."""

    model_config = ConfigDict(from_attributes=True)

    session_id: UUID
    officer: str
    device_id: UUID
    stand_id: UUID
    began_at: datetime
    until: datetime


class EndSessionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason


class OfficerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    officer: LineText = Field(min_length=1, max_length=200, examples=["former.clerk@city"])
    reason: Reason


class CutOffOut(BaseModel):
    """Who or what every service refuses. `id`: the officer's account, or the id of a device or session."""

    model_config = ConfigDict(from_attributes=True)

    kind: CutOffKind
    id: str
    cut_by: str
    reason: str
    since: datetime


@router.get("/sessions")
async def list_sessions(_: SessionLister, uow: Transaction) -> list[SessionOut]:
    """The newest 1,000 sessions that run now."""
    return [SessionOut.model_validate(session) for session in await running_sessions(uow, limit=MAX_ROWS)]


@router.post("/sessions/{session_id}/end", status_code=204)
async def end_session(
    session_id: UUID, order: EndSessionIn, caller: SessionEnder, uow: Transaction, context: Context
) -> None:
    """Ends a session: its token is refused from the next request on. What the device captured stays there."""
    or_refuse(
        await session_handlers.end_session(
            session_id, uow, by=caller.subject, reason=order.reason, cipher=context.cipher
        )
    )


@router.post("/officers/cut-off", status_code=204)
async def cut_off_officer(order: OfficerIn, caller: OfficerCutter, uow: Transaction, context: Context) -> None:
    """Refuses every token of this officer at all services, from the next request on."""
    await session_handlers.cut_off_officer(
        order.officer, uow, by=caller.subject, reason=order.reason, cipher=context.cipher
    )


@router.post("/officers/restore", status_code=204)
async def restore_officer(order: OfficerIn, caller: OfficerCutter, uow: Transaction, context: Context) -> None:
    """Admits an officer again who was cut off."""
    or_refuse(
        await session_handlers.restore_officer(
            order.officer, uow, by=caller.subject, reason=order.reason, cipher=context.cipher
        )
    )


@router.get("/cut-offs")
async def list_cut_offs(_: CutOffLister, uow: Transaction) -> list[CutOffOut]:
    """The newest 1,000 officers, devices and sessions that are refused."""
    return [CutOffOut.model_validate(row) for row in await active_cut_offs(uow, limit=MAX_ROWS)]
