"""HTTP in: what waits for which register."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from registry_bridge import handlers, store


class WaitingOut(BaseModel):
    register_name: str
    requests: int
    since: datetime


class RequestOut(BaseModel):
    """A request without personal data."""

    request_id: UUID
    case_id: UUID
    register_name: str
    operation: str
    purpose: str
    state: str
    verdict: str | None
    asked_at: datetime
    answered_at: datetime | None


def add_routes(app: FastAPI, database: Database) -> None:
    router = APIRouter(tags=["registers"])

    @router.get("/waiting")
    async def waiting(_: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[WaitingOut]:
        """Per register: how many requests wait, and since when the oldest does. Empty: nothing waits."""
        async with database.work() as work:
            found = await store.waiting(work)
        return [WaitingOut(register_name=one.register, requests=one.requests, since=one.since) for one in found]

    @router.get("/requests/{request_id}")
    async def request(request_id: UUID, _: Caller = only(Role.OPERATOR)) -> RequestOut:
        async with database.work() as work:
            found = await handlers.show_request(RequestId(request_id), work)
        if isinstance(found, Refusal):
            raise Refused(found)
        return RequestOut(
            request_id=found.id,
            case_id=found.case_id,
            register_name=found.register,
            operation=found.operation,
            purpose=found.purpose,
            state=found.state,
            verdict=found.verdict,
            asked_at=found.asked_at,
            answered_at=found.answered_at,
        )

    app.include_router(router)
