"""For staff: which notices a case had, whom nobody reached, how the providers are, whether an address is one."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from notifications.domain.recipient import mail_address, mobile_number
from notifications.domain.refusals import NO_TASK
from notifications.handlers.ground import Ground
from notifications.handlers.weather import ProviderWeather, show_providers
from notifications.store import notices, providers

MANY = 200


class NoticeOut(BaseModel):
    """A notice without its recipient."""

    notice_id: UUID
    kind: str
    channel: str
    language: str
    state: str
    reason: str
    provider: str
    decided_at: datetime
    valid_until: datetime
    ended_at: datetime | None


class CountOut(BaseModel):
    kind: str
    channel: str
    state: str
    reason: str
    provider: str
    notices: int


class TaskOut(BaseModel):
    """Somebody who does not know it: reach them another way."""

    task_id: UUID
    notice_id: UUID
    about: str
    about_id: UUID
    kind: str
    reason: str
    raised_at: datetime


class AddressIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phone: str | None = Field(None, max_length=60, examples=["0660 555 0001"])
    email: str | None = Field(None, max_length=254)


class AddressOut(BaseModel):
    """In the form in which it is used."""

    phone: str | None
    email: str | None


def notice_routes(database: Database, ground: Ground) -> APIRouter:
    router = APIRouter(tags=["notices"])

    @router.get("/cases/{case_id}/notices")
    async def of_case(case_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[NoticeOut]:
        """Empty: nothing was said to this citizen, or they left no address."""
        async with database.work() as work:
            found = await notices.find_notices(work, case_id)
        return [
            NoticeOut(
                notice_id=one.id,
                kind=one.kind,
                channel=one.channel,
                language=one.language,
                state=one.state,
                reason=one.reason,
                provider=one.provider,
                decided_at=one.decided_at,
                valid_until=one.valid_until,
                ended_at=one.ended_at,
            )
            for one in found
        ]

    @router.get("/notices/counts")
    async def counts(_: Caller = only(Role.OPERATOR)) -> dict[str, int]:
        """How many notices are in which state."""
        async with database.work() as work:
            return await notices.count_by_state(work)

    @router.get("/notices/summary")
    async def summary(_: Caller = only(Role.OPERATOR)) -> list[CountOut]:
        """The same by kind, channel, provider and reason."""
        async with database.work() as work:
            return [CountOut(**row) for row in await notices.counts(work)]

    @router.get("/providers")
    async def weather(_: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[ProviderWeather]:
        """How each provider is, and its share of the messages now."""
        async with database.work() as work:
            return await show_providers(work, ground=ground)

    @router.get("/tasks")
    async def tasks(_: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[TaskOut]:
        """Citizens whom no message reached, the oldest first. Empty: everybody was reached."""
        async with database.work() as work:
            rows = await providers.open_tasks(work, limit=MANY)
        return [TaskOut(**{name: row[name] for name in TaskOut.model_fields}) for row in rows]

    @router.post("/tasks/{task_id}/done", status_code=204)
    async def done(task_id: UUID, caller: Caller = only(Role.CLERK)) -> None:
        """The citizen was told, or need not be any more."""
        async with database.work() as work:
            if not await providers.end_task(work, task_id, who=caller.subject):
                raise Refused(NO_TASK)

    @router.post("/addresses/check")
    async def check(asked: AddressIn, _: Caller = only(Role.CLERK)) -> AddressOut:
        """Whether messages can go there, while the citizen still stands at the counter."""
        return AddressOut(
            phone=_checked(mobile_number(asked.phone)) if asked.phone else None,
            email=_checked(mail_address(asked.email)) if asked.email else None,
        )

    return router


def _checked(address: str | Refusal) -> str:
    if isinstance(address, Refusal):
        raise Refused(address)
    return address
