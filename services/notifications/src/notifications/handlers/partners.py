"""Webhooks to partners: which subscriber gets which event, and the outcome of each delivery.

Invariants: an event is delivered to a subscriber once under its id, until the partner accepts it or no attempt is left;
a pause loses nothing; signing secrets are stored encrypted.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wanderamt.backbone.jobs.handler import CompletedJob
from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.messaging.replay import record_operator_action
from wanderamt.backbone.observability.tracing import message_context
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import KeepsFailing, RetryLater
from wanderamt.kernel.refusal import Refusal

from notifications.domain.partner import (
    MAX_CONCURRENT,
    Subscriber,
    WebhookAnswered,
    WebhookDelivery,
    WebhookNotAnswered,
    WebhookState,
    WebhookTask,
    after_attempt,
    check_subscription,
    delivery_job,
    webhook_body,
)
from notifications.domain.refusals import NAME_TAKEN, SUBSCRIBER_NOT_FOUND
from notifications.handlers.context import NotificationContext
from notifications.store import partners, webhook_statements

SECRET_BYTES = 24
BUSY_S = 1.0


async def has_subscribers(uow: UnitOfWork) -> bool:
    return bool(await partners.subscribers(uow))


async def deliver_public_events(items: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
    """For the subscribers of now. A new subscriber gets events since its creation; earlier ones need a replay."""
    subscribers = await partners.subscribers(uow)
    await _deliver(
        [
            (subscriber, item)
            for item in items
            for subscriber in subscribers
            if item.header.time >= subscriber.created_at
        ],
        uow,
    )


async def redeliver(subscriber: Subscriber, items: Sequence[ReceivedEvent], uow: UnitOfWork) -> int:
    """Delivers again, whatever the outcome was. A delivery that still waits is not doubled."""
    return await _deliver([(subscriber, item) for item in items], uow, repeat=True)


async def prepare_webhooks(
    jobs: Sequence[ClaimedJob], uow: UnitOfWork, *, context: NotificationContext
) -> list[WebhookTask | RetryLater | None]:
    """At most MAX_CONCURRENT per partner, the deliveries of other processes included."""
    rows = await partners.lock_subscribers(uow, {claimed.job.subscriber_id for claimed in jobs})
    subscribers = {subscriber.id: subscriber for subscriber in rows}
    deliveries = await partners.lock_deliveries(
        uow, [(claimed.job.subscriber_id, claimed.job.event_id) for claimed in jobs]
    )
    own = Counter(claimed.job.subscriber_id for claimed in jobs)
    in_flight = {
        subscriber_id: count - own[subscriber_id]
        for subscriber_id, count in (await webhook_statements.count_in_flight(uow, own)).items()
    }
    tasks: list[WebhookTask | RetryLater | None] = []
    for claimed in jobs:
        subscriber = subscribers.get(claimed.job.subscriber_id)
        delivery = deliveries.get((claimed.job.subscriber_id, claimed.job.event_id))
        task = await _prepare_one(subscriber, delivery, in_flight, uow, context)
        if isinstance(task, WebhookTask) and subscriber:
            in_flight[subscriber.id] = in_flight.get(subscriber.id, 0) + 1
        tasks.append(task)
    return tasks


async def complete_webhooks(jobs: Sequence[CompletedJob], uow: UnitOfWork) -> list[RetryLater | None]:
    rows = await partners.lock_subscribers(uow, {completed.job.subscriber_id for completed in jobs})
    subscribers = {subscriber.id: subscriber for subscriber in rows}
    deliveries = await partners.lock_deliveries(
        uow, [(completed.job.subscriber_id, completed.job.event_id) for completed in jobs]
    )
    outcomes = []
    for completed in jobs:
        delivery = deliveries.get((completed.job.subscriber_id, completed.job.event_id))
        subscriber = subscribers.get(completed.job.subscriber_id)
        outcomes.append(await _complete_one(subscriber, delivery, completed.outcome, uow))
    return outcomes


async def _prepare_one(
    subscriber: Subscriber | None,
    delivery: WebhookDelivery | None,
    in_flight: Mapping[UUID, int],
    uow: UnitOfWork,
    context: NotificationContext,
) -> WebhookTask | RetryLater | None:
    if not subscriber or not delivery or delivery.state is not WebhookState.WAITING:
        return None
    if not subscriber.active:
        await partners.save_delivery(uow, replace(delivery, state=WebhookState.HELD), status=None)
        return None
    if in_flight.get(subscriber.id, 0) >= MAX_CONCURRENT:
        return RetryLater(BUSY_S, "this partner has its maximum of concurrent deliveries")
    secrets = tuple(json.loads(context.cipher.open(subscriber.secrets)))
    return WebhookTask(subscriber.url, delivery.event_id, delivery.body, secrets)


async def _complete_one(
    subscriber: Subscriber | None, delivery: WebhookDelivery | None, outcome: object, uow: UnitOfWork
) -> RetryLater | None:
    if not subscriber or not delivery or delivery.state is not WebhookState.WAITING:
        return None
    if isinstance(outcome, KeepsFailing):
        await partners.save_delivery(uow, replace(delivery, state=WebhookState.FAILED), status=None)
        return None
    answer = outcome if isinstance(outcome, WebhookAnswered | WebhookNotAnswered) else WebhookNotAnswered("cut_off")
    step = after_attempt(delivery.attempts + 1, answer)
    status = answer.status if isinstance(answer, WebhookAnswered) else None
    attempted = replace(delivery, attempts=delivery.attempts + 1)
    if isinstance(step, float):
        await partners.save_delivery(uow, attempted, status=status)
        return RetryLater(
            step, f"HTTP {status}" if status else answer.code if isinstance(answer, WebhookNotAnswered) else ""
        )
    if step is WebhookState.HELD:
        await partners.save_subscriber(uow, replace(subscriber, active=False))
    await partners.save_delivery(uow, replace(attempted, state=step), status=status)
    return None


async def subscribe(
    name: str, url: str, types: Sequence[str], uow: UnitOfWork, *, operator: str, context: NotificationContext
) -> tuple[Subscriber, str] | Refusal:
    """The subscriber and its secret, which is shown only now."""
    if refusal := check_subscription(url, types, context.partner_networks):
        return refusal
    subscriber_id, secret = uow.new_id(), _new_secret()
    secrets = context.cipher.seal(subscriber_id, json.dumps([secret]).encode())
    subscriber = Subscriber(subscriber_id, name, url, tuple(sorted(set(types))), secrets, True, uow.now)  # noqa: FBT003
    if not await partners.add_subscriber(uow, subscriber):
        return NAME_TAKEN
    details = {"name": name, "url": url, "types": list(types)}
    await record_operator_action(uow, operator, "subscribe partner", "notifications", details)
    return subscriber, secret


async def pause(subscriber_id: UUID, uow: UnitOfWork, *, operator: str) -> Refusal | None:
    return await _set_active(subscriber_id, uow, active=False, operator=operator)


async def resume(subscriber_id: UUID, uow: UnitOfWork, *, operator: str) -> Refusal | None:
    """Deliveries that were held go out now."""
    refusal = await _set_active(subscriber_id, uow, active=True, operator=operator)
    if not refusal:
        held = await partners.release_held(uow, subscriber_id)
        uow.enqueue(*(delivery_job(subscriber_id, event_id) for event_id in held))
    return refusal


async def rotate_secret(
    subscriber_id: UUID, uow: UnitOfWork, *, operator: str, context: NotificationContext
) -> str | Refusal:
    """The new secret. The previous one also signs, so that the partner can switch at any time."""
    subscriber = await partners.lock_subscriber(uow, subscriber_id)
    if not subscriber:
        return SUBSCRIBER_NOT_FOUND
    secret, previous = _new_secret(), json.loads(context.cipher.open(subscriber.secrets))
    secrets = context.cipher.seal(subscriber_id, json.dumps([secret, *previous[:1]]).encode())
    await partners.save_subscriber(uow, replace(subscriber, secrets=secrets))
    await record_operator_action(uow, operator, "rotate secret", "notifications", {"name": subscriber.name})
    return secret


async def unsubscribe(subscriber_id: UUID, uow: UnitOfWork, *, operator: str) -> Refusal | None:
    subscriber = await partners.lock_subscriber(uow, subscriber_id)
    if not subscriber:
        return SUBSCRIBER_NOT_FOUND
    await partners.remove_subscriber(uow, subscriber_id)
    await record_operator_action(uow, operator, "unsubscribe partner", "notifications", {"name": subscriber.name})
    return None


async def _deliver(pairs: Sequence[tuple[Subscriber, ReceivedEvent]], uow: UnitOfWork, *, repeat: bool = False) -> int:
    deliveries = {
        (subscriber.id, item.header.id): WebhookDelivery(
            subscriber_id=subscriber.id,
            event_id=item.header.id,
            type=item.header.type,
            body=webhook_body(item.event, at=item.header.time),
            state=WebhookState.WAITING if subscriber.active else WebhookState.HELD,
            attempts=0,
            created_at=uow.now,
        )
        for subscriber, item in pairs
        if item.header.type in subscriber.types
    }
    added = await webhook_statements.add_deliveries(uow, list(deliveries.values()), repeat=repeat)
    ready = [key for key in deliveries if key in added and deliveries[key].state is WebhookState.WAITING]
    traces = {item.header.id: item.header.trace for _, item in pairs}
    for subscriber_id, event_id in ready:
        with message_context(traces[event_id]):
            uow.enqueue(delivery_job(subscriber_id, event_id))
    return len(added)


async def _set_active(subscriber_id: UUID, uow: UnitOfWork, *, active: bool, operator: str) -> Refusal | None:
    subscriber = await partners.lock_subscriber(uow, subscriber_id)
    if not subscriber:
        return SUBSCRIBER_NOT_FOUND
    await partners.save_subscriber(uow, replace(subscriber, active=active))
    action = "resume partner" if active else "pause partner"
    await record_operator_action(uow, operator, action, "notifications", {"name": subscriber.name})
    return None


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(SECRET_BYTES)).decode()}"
