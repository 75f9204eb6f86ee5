"""For operators: partners' systems that hear of events by web hook."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from notifications.domain.partner import PUBLIC, DeliveryState, Subscriber
from notifications.handlers import partners as handlers
from notifications.handlers.ground import Ground
from notifications.store import partners

MANY = 200
EXAMPLE = "at.wanderamt.document.issued.v1"


class SubscriberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60, pattern=r"^[\w. -]+$", examples=["Fundamt"])
    url: str = Field(max_length=500, examples=["https://partner.example/hooks"])
    types: list[str] = Field(min_length=1, max_length=len(PUBLIC), examples=[[EXAMPLE]])


class SubscriberOut(BaseModel):
    subscriber_id: UUID
    name: str
    url: str
    types: list[str]
    active: bool
    made_at: datetime
    deliveries: dict[str, int] = {}


class SecretOut(BaseModel):
    """Shown this once. The partner checks signatures with it."""

    subscriber_id: UUID
    secret: str


class DeliveryOut(BaseModel):
    event_id: UUID
    type: str
    state: str
    tries: int
    status: int | None
    since: datetime
    ended_at: datetime | None


def partner_routes(database: Database, ground: Ground, networks: list[str]) -> APIRouter:
    router = APIRouter(tags=["partners"], prefix="/subscribers")

    @router.get("")
    async def shown(_: Caller = only(Role.OPERATOR)) -> list[SubscriberOut]:
        """All of them, with how many deliveries are in which state."""
        async with database.work() as work:
            found = await partners.subscribers(work)
            return [_out(one, await partners.count_deliveries(work, one.id)) for one in found]

    @router.post("", status_code=201)
    async def subscribe(asked: SubscriberIn, caller: Caller = only(Role.OPERATOR)) -> SecretOut:
        """A partner hears of these events from now on; of earlier ones by 'wanderamt notice replay'."""
        async with database.work() as work:
            made = await handlers.subscribe(
                asked.name, asked.url, asked.types, work, networks=networks, who=caller.subject, ground=ground
            )
        if isinstance(made, Refusal):
            raise Refused(made)
        return SecretOut(subscriber_id=made[0].id, secret=made[1])

    @router.post("/{subscriber_id}/pause", status_code=204)
    async def pause(subscriber_id: UUID, caller: Caller = only(Role.OPERATOR)) -> None:
        """Nothing is posted; what comes waits."""
        async with database.work() as work:
            _done(await handlers.pause(subscriber_id, work, who=caller.subject))

    @router.post("/{subscriber_id}/resume", status_code=204)
    async def resume(subscriber_id: UUID, caller: Caller = only(Role.OPERATOR)) -> None:
        """What waited goes now."""
        async with database.work() as work:
            _done(await handlers.resume(subscriber_id, work, who=caller.subject))

    @router.post("/{subscriber_id}/rotate")
    async def rotate(subscriber_id: UUID, caller: Caller = only(Role.OPERATOR)) -> SecretOut:
        """A new secret; the one before signs as well until the next."""
        async with database.work() as work:
            secret = await handlers.rotate(subscriber_id, work, who=caller.subject, ground=ground)
        if isinstance(secret, Refusal):
            raise Refused(secret)
        return SecretOut(subscriber_id=subscriber_id, secret=secret)

    @router.delete("/{subscriber_id}", status_code=204)
    async def remove(subscriber_id: UUID, caller: Caller = only(Role.OPERATOR)) -> None:
        """And all that waits for it."""
        async with database.work() as work:
            _done(await handlers.unsubscribe(subscriber_id, work, who=caller.subject))

    @router.get("/{subscriber_id}/deliveries")
    async def deliveries(
        subscriber_id: UUID,
        state: Annotated[DeliveryState | None, Query()] = None,
        _: Caller = only(Role.OPERATOR),
    ) -> list[DeliveryOut]:
        """The newest first, without their bodies."""
        async with database.work() as work:
            rows = await partners.recent_deliveries(work, subscriber_id, state=state, limit=MANY)
        return [DeliveryOut(**dict(row)) for row in rows]

    return router


def _done(refusal: Refusal | None) -> None:
    if refusal:
        raise Refused(refusal)


def _out(one: Subscriber, counted: dict[str, int]) -> SubscriberOut:
    return SubscriberOut(
        subscriber_id=one.id,
        name=one.name,
        url=one.url,
        types=list(one.types),
        active=one.active,
        made_at=one.made_at,
        deliveries=counted,
    )
