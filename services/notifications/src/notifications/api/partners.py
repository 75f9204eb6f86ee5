"""For operators: partners' systems that get events by webhook."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from notifications.api.dependencies import Context, PartnerKeeper
from notifications.domain.partner import PUBLIC_EVENTS, Subscriber, WebhookState
from notifications.handlers import partners as handlers
from notifications.store import partners

MAX_DELIVERIES = 200
EXAMPLE = "at.wanderamt.document.issued.v1"

EventType = Annotated[str, Field(max_length=100)]

router = APIRouter(tags=["partners"], prefix="/subscribers")


class SubscriberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: LineText = Field(min_length=1, max_length=60, pattern=r"^[\w. -]+$", examples=["Fundamt"])
    url: str = Field(max_length=500, examples=["https://partner.example/hooks"])
    types: list[EventType] = Field(min_length=1, max_length=len(PUBLIC_EVENTS), examples=[[EXAMPLE]])


class SubscriberOut(BaseModel):
    subscriber_id: UUID
    name: str
    url: str
    types: list[str]
    active: bool
    created_at: datetime
    deliveries: dict[str, int] = {}


class SubscriberSecretOut(BaseModel):
    """Shown only once. The partner checks signatures with it."""

    subscriber_id: UUID
    secret: str


class WebhookDeliveryOut(BaseModel):
    event_id: UUID
    type: str
    state: str
    attempts: int
    status: int | None
    created_at: datetime
    ended_at: datetime | None


@router.get("")
async def list_subscribers(_: PartnerKeeper, uow: Transaction) -> list[SubscriberOut]:
    """All subscribers, with the number of deliveries in each state."""
    return [
        _to_out(subscriber, await partners.count_deliveries(uow, subscriber.id))
        for subscriber in await partners.subscribers(uow)
    ]


@router.post("", status_code=201)
async def subscribe(
    caller: PartnerKeeper, subscriber: SubscriberIn, context: Context, uow: Transaction
) -> SubscriberSecretOut:
    """The partner gets these events from now on; earlier ones by 'wanderamt notifications replay'."""
    created, secret = or_refuse(
        await handlers.subscribe(
            subscriber.name, subscriber.url, subscriber.types, uow, operator=caller.subject, context=context
        )
    )
    return SubscriberSecretOut(subscriber_id=created.id, secret=secret)


@router.post("/{subscriber_id}/pause", status_code=204)
async def pause(caller: PartnerKeeper, subscriber_id: UUID, uow: Transaction) -> None:
    """Holds the deliveries to this subscriber."""
    or_refuse(await handlers.pause(subscriber_id, uow, operator=caller.subject))


@router.post("/{subscriber_id}/resume", status_code=204)
async def resume(caller: PartnerKeeper, subscriber_id: UUID, uow: Transaction) -> None:
    """Sends the deliveries that were held."""
    or_refuse(await handlers.resume(subscriber_id, uow, operator=caller.subject))


@router.post("/{subscriber_id}/rotate")
async def rotate_secret(
    caller: PartnerKeeper, subscriber_id: UUID, context: Context, uow: Transaction
) -> SubscriberSecretOut:
    """A new secret. The previous one also signs until the next rotation."""
    secret = or_refuse(await handlers.rotate_secret(subscriber_id, uow, operator=caller.subject, context=context))
    return SubscriberSecretOut(subscriber_id=subscriber_id, secret=secret)


@router.delete("/{subscriber_id}", status_code=204)
async def remove(caller: PartnerKeeper, subscriber_id: UUID, uow: Transaction) -> None:
    """Removes the subscriber and its deliveries."""
    or_refuse(await handlers.unsubscribe(subscriber_id, uow, operator=caller.subject))


@router.get("/{subscriber_id}/deliveries")
async def list_deliveries(
    _: PartnerKeeper,
    subscriber_id: UUID,
    uow: Transaction,
    state: Annotated[WebhookState | None, Query()] = None,
) -> list[WebhookDeliveryOut]:
    """The newest first, without their bodies."""
    deliveries = await partners.recent_deliveries(uow, subscriber_id, state=state, limit=MAX_DELIVERIES)
    return [WebhookDeliveryOut(**asdict(delivery)) for delivery in deliveries]


def _to_out(subscriber: Subscriber, deliveries: dict[str, int]) -> SubscriberOut:
    return SubscriberOut(
        subscriber_id=subscriber.id,
        name=subscriber.name,
        url=subscriber.url,
        types=list(subscriber.types),
        active=subscriber.active,
        created_at=subscriber.created_at,
        deliveries=deliveries,
    )
