"""Subscribers and their webhook deliveries."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, func, select, tuple_, update
from wanderamt.backbone.persistence.tables import columns_of, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from notifications.domain.partner import DeliverySummary, Subscriber, WebhookDelivery, WebhookState
from notifications.tables import SubscriberRow, WebhookDeliveryRow


async def add_subscriber(uow: UnitOfWork, subscriber: Subscriber) -> bool:
    """False if the name is taken."""
    statement = insert(SubscriberRow).values(**columns_of(subscriber), changed_at=subscriber.created_at)
    return (await uow.session.exec(statement.on_conflict_do_nothing(index_elements=["name"]))).rowcount == 1


async def subscribers(uow: UnitOfWork) -> list[Subscriber]:
    rows = await uow.session.exec(select(SubscriberRow).order_by(SubscriberRow.name))
    return [value_of(Subscriber, row) for row in rows]


async def lock_subscribers(uow: UnitOfWork, ids: Collection[UUID]) -> list[Subscriber]:
    statement = select(SubscriberRow).where(is_any_of(SubscriberRow.id, ids)).order_by(col(SubscriberRow.id))
    return [value_of(Subscriber, row) for row in await uow.session.exec(statement.with_for_update())]


async def lock_subscriber(uow: UnitOfWork, subscriber_id: UUID) -> Subscriber | None:
    return next(iter(await lock_subscribers(uow, [subscriber_id])), None)


async def save_subscriber(uow: UnitOfWork, subscriber: Subscriber) -> None:
    values = columns_of(subscriber) | {"changed_at": uow.now}
    await uow.session.exec(update(SubscriberRow).where(col(SubscriberRow.id) == subscriber.id).values(**values))


async def remove_subscriber(uow: UnitOfWork, subscriber_id: UUID) -> bool:
    return (await uow.session.exec(delete(SubscriberRow).where(col(SubscriberRow.id) == subscriber_id))).rowcount == 1


async def lock_deliveries(
    uow: UnitOfWork, keys: Collection[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], WebhookDelivery]:
    """By (subscriber, event); without those whose body was redacted."""
    key = col(WebhookDeliveryRow.subscriber_id), col(WebhookDeliveryRow.event_id)
    statement = select(WebhookDeliveryRow).where(tuple_(*key).in_(keys), col(WebhookDeliveryRow.body).is_not(None))
    rows = await uow.session.exec(statement.order_by(*key).with_for_update())
    return {(row.subscriber_id, row.event_id): value_of(WebhookDelivery, row) for row in rows}


async def save_delivery(uow: UnitOfWork, delivery: WebhookDelivery, *, status: int | None) -> None:
    ended = delivery.state in {WebhookState.DONE, WebhookState.FAILED}
    statement = update(WebhookDeliveryRow).where(
        col(WebhookDeliveryRow.subscriber_id) == delivery.subscriber_id,
        col(WebhookDeliveryRow.event_id) == delivery.event_id,
    )
    outcome = {"state": delivery.state, "attempts": delivery.attempts, "status": status}
    await uow.session.exec(statement.values(**outcome, ended_at=uow.now if ended else None))


async def release_held(uow: UnitOfWork, subscriber_id: UUID) -> list[UUID]:
    """The events of the deliveries that were held, in the order of their creation."""
    held = col(WebhookDeliveryRow.subscriber_id) == subscriber_id, col(WebhookDeliveryRow.state) == WebhookState.HELD
    released = update(WebhookDeliveryRow).where(*held).values(state=WebhookState.WAITING)
    columns = col(WebhookDeliveryRow.created_at), col(WebhookDeliveryRow.event_id)
    return [event_id for _, event_id in sorted(await uow.session.exec(released.returning(*columns)))]


async def count_deliveries(uow: UnitOfWork, subscriber_id: UUID) -> dict[str, int]:
    """By state."""
    counts = select(WebhookDeliveryRow.state, func.count()).group_by(WebhookDeliveryRow.state)
    counts = counts.where(WebhookDeliveryRow.subscriber_id == subscriber_id)
    return dict((await uow.session.exec(counts)).all())


async def recent_deliveries(
    uow: UnitOfWork, subscriber_id: UUID, *, state: str | None, limit: int
) -> list[DeliverySummary]:
    statement = select(WebhookDeliveryRow).where(WebhookDeliveryRow.subscriber_id == subscriber_id)
    if state is not None:
        statement = statement.where(WebhookDeliveryRow.state == state)
    newest_first = statement.order_by(col(WebhookDeliveryRow.created_at).desc()).limit(limit)
    return [value_of(DeliverySummary, row) for row in await uow.session.exec(newest_first)]


async def redact_deliveries(uow: UnitOfWork, before: datetime) -> int:
    """Deletes the bodies of deliveries that ended before then. The row stays for counts."""
    ended = col(WebhookDeliveryRow.ended_at) < before, col(WebhookDeliveryRow.body).is_not(None)
    return (await uow.session.exec(update(WebhookDeliveryRow).where(*ended).values(body=None))).rowcount
