"""For staff: the notices of a case, counts, tasks, the status of providers, a check of addresses."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import RefusalError, or_refuse

from notifications.api.dependencies import (
    AddressChecker,
    Context,
    NoticeCounter,
    NoticeReader,
    ProviderReader,
    TaskOwner,
    TaskReader,
)
from notifications.domain.kinds import About, AboutRef
from notifications.domain.recipient import mail_address, mobile_number
from notifications.domain.refusals import TASK_NOT_FOUND
from notifications.handlers.provider_availability import ProviderStatus, provider_statuses
from notifications.store import notices, providers

MAX_TASKS = 200

router = APIRouter(tags=["notices"])


class NoticeOut(BaseModel):
    """A notice without its recipient."""

    notice_id: UUID
    kind: str
    channel: str
    language: str
    state: str
    reason: str
    provider: str
    created_at: datetime
    valid_until: datetime
    ended_at: datetime | None


class NoticeCountOut(BaseModel):
    kind: str
    channel: str
    state: str
    reason: str
    provider: str
    notices: int


class NoticeTaskOut(BaseModel):
    """A citizen whom no message reached: inform them another way."""

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
    """The addresses in their canonical form."""

    phone: str | None
    email: str | None


@router.get("/cases/{case_id}/notices")
async def notices_of_case(case_id: UUID, _: NoticeReader, uow: Transaction) -> list[NoticeOut]:
    """Empty: the citizen got no notice, or left no address."""
    return [
        NoticeOut(
            notice_id=notice.id,
            kind=notice.kind,
            channel=notice.channel,
            language=notice.language,
            state=notice.state,
            reason=notice.reason,
            provider=notice.provider,
            created_at=notice.created_at,
            valid_until=notice.valid_until,
            ended_at=notice.ended_at,
        )
        for notice in await notices.find_notices(uow, AboutRef(About.CASE, case_id))
    ]


@router.get("/notices/counts")
async def count_notices(_: NoticeCounter, uow: Transaction) -> dict[str, int]:
    """The number of notices in each state."""
    return await notices.count_by_state(uow)


@router.get("/notices/summary")
async def summarise_notices(_: NoticeCounter, uow: Transaction) -> list[NoticeCountOut]:
    """The number of notices by kind, channel, state, provider and reason."""
    return [NoticeCountOut(**row) for row in await notices.count_by_outcome(uow)]


@router.get("/providers")
async def list_providers(_: ProviderReader, context: Context, uow: Transaction) -> list[ProviderStatus]:
    """The availability of each provider and its current weight."""
    return await provider_statuses(uow, context=context)


@router.get("/tasks")
async def list_tasks(_: TaskReader, uow: Transaction) -> list[NoticeTaskOut]:
    """Citizens whom no message reached, the oldest task first. Empty: every citizen was reached."""
    return [NoticeTaskOut(**asdict(task)) for task in await providers.open_tasks(uow, limit=MAX_TASKS)]


@router.post("/tasks/{task_id}/done", status_code=204)
async def complete_task(caller: TaskOwner, task_id: UUID, uow: Transaction) -> None:
    """The citizen was informed, or need not be informed any more."""
    if not await providers.complete_task(uow, task_id, by=caller.subject):
        raise RefusalError(TASK_NOT_FOUND)


@router.post("/addresses/check")
async def check_addresses(_: AddressChecker, addresses: AddressIn) -> AddressOut:
    """Whether messages can be sent to these addresses, while the citizen is still at the counter."""
    return AddressOut(
        phone=or_refuse(mobile_number(addresses.phone)) if addresses.phone else None,
        email=or_refuse(mail_address(addresses.email)) if addresses.email else None,
    )
