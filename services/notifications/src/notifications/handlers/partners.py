"""Web hooks to partners: who hears what, and how each delivery ended.

Kept true: an event is delivered to a partner once under its id, until it was taken or tried to the end; a pause loses
nothing; what a partner signs for stands sealed.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.bulk import Asked, Ended
from wanderamt.backbone.replay import write_down
from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Retry
from wanderamt.kernel.refusal import Refusal

from notifications.domain.partner import (
    AT_ONCE,
    Delivery,
    DeliveryState,
    HookTask,
    NotPosted,
    Posted,
    Subscriber,
    after_post,
    body_of,
    job_of,
    wrong_subscription,
)
from notifications.domain.refusals import NAME_TAKEN, NO_SUBSCRIBER
from notifications.handlers.ground import Ground
from notifications.store import partners

SECRET_BYTES = 24
BUSY_S = 1.0


async def any_partner(work: Work) -> bool:
    return bool(await partners.subscribers(work))


async def on_public(items: Sequence[Item], work: Work) -> None:
    """For partners there are now; a new one hears from its making on, and of what was before by a replay."""
    hearing = await partners.subscribers(work)
    await _deliver([(one, item) for item in items for one in hearing if item.head.time >= one.made_at], work)


async def redeliver(subscriber: Subscriber, items: Sequence[Item], work: Work) -> int:
    """Once more, whatever became of it. What is under way anyway is not doubled."""
    return await _deliver([(subscriber, item) for item in items], work, again=True)


async def claim_hooks(asked: Sequence[Asked], work: Work, *, ground: Ground) -> list[HookTask | Retry | None]:
    """Of each partner at most so many at once, also of those other processes have under way."""
    hearing = {one.id: one for one in await partners.lock_subscribers(work, {one.job.subscriber_id for one in asked})}
    waiting = await partners.lock_deliveries(work, [(one.job.subscriber_id, one.job.event_id) for one in asked])
    ours = Counter(one.job.subscriber_id for one in asked)
    under_way = {one: number - ours[one] for one, number in (await partners.count_under_way(work, ours)).items()}
    tasks: list[HookTask | Retry | None] = []
    for one in asked:
        subscriber = hearing.get(one.job.subscriber_id)
        delivery = waiting.get((one.job.subscriber_id, one.job.event_id))
        task = await _claim_one(subscriber, delivery, under_way, work, ground)
        if isinstance(task, HookTask) and subscriber:
            under_way[subscriber.id] = under_way.get(subscriber.id, 0) + 1
        tasks.append(task)
    return tasks


async def record_hooks(ended: Sequence[Ended], work: Work) -> list[Retry | None]:
    hearing = {one.id: one for one in await partners.lock_subscribers(work, {one.job.subscriber_id for one in ended})}
    waiting = await partners.lock_deliveries(work, [(one.job.subscriber_id, one.job.event_id) for one in ended])
    given = []
    for one in ended:
        delivery = waiting.get((one.job.subscriber_id, one.job.event_id))
        given.append(await _record_one(hearing.get(one.job.subscriber_id), delivery, one.outcome, work))
    return given


async def _claim_one(
    subscriber: Subscriber | None, delivery: Delivery | None, under_way: Mapping[UUID, int], work: Work, ground: Ground
) -> HookTask | Retry | None:
    if not subscriber or not delivery or delivery.state is not DeliveryState.WAITING:
        return None
    if not subscriber.active:
        await partners.save_delivery(work, replace(delivery, state=DeliveryState.HELD), status=None)
        return None
    if under_way.get(subscriber.id, 0) >= AT_ONCE:
        return Retry(BUSY_S, "as many as this partner gets at once")
    secrets = tuple(json.loads(ground.sealer.open(subscriber.secrets)))
    return HookTask(subscriber.url, delivery.event_id, delivery.body, secrets)


async def _record_one(
    subscriber: Subscriber | None, delivery: Delivery | None, outcome: object, work: Work
) -> Retry | None:
    if not subscriber or not delivery or delivery.state is not DeliveryState.WAITING:
        return None
    answered = outcome if isinstance(outcome, Posted | NotPosted) else NotPosted("cut_off")
    step = after_post(delivery.tries + 1, answered)
    status = answered.status if isinstance(answered, Posted) else None
    tried = replace(delivery, tries=delivery.tries + 1)
    if isinstance(step, float):
        await partners.save_delivery(work, tried, status=status)
        return Retry(step, f"HTTP {status}" if status else answered.code if isinstance(answered, NotPosted) else "")
    if step is DeliveryState.HELD:
        await partners.save_subscriber(work, replace(subscriber, active=False))
    await partners.save_delivery(work, replace(tried, state=step), status=status)
    return None


async def subscribe(
    name: str, url: str, types: Sequence[str], work: Work, *, networks: Sequence[str], who: str, ground: Ground
) -> tuple[Subscriber, str] | Refusal:
    """The subscriber and its secret, which is shown this once."""
    if refusal := wrong_subscription(url, types, networks):
        return refusal
    subscriber_id, secret = work.new_id(), _new_secret()
    secrets = ground.sealer.seal(subscriber_id, json.dumps([secret]).encode())
    subscriber = Subscriber(subscriber_id, name, url, tuple(sorted(set(types))), secrets, True, work.now)  # noqa: FBT003
    if not await partners.add_subscriber(work, subscriber):
        return NAME_TAKEN
    await write_down(work, who, "subscribe partner", "notifications", {"name": name, "url": url, "types": list(types)})
    return subscriber, secret


async def pause(subscriber_id: UUID, work: Work, *, who: str) -> Refusal | None:
    return await _turn(subscriber_id, work, active=False, who=who)


async def resume(subscriber_id: UUID, work: Work, *, who: str) -> Refusal | None:
    """What came meanwhile goes now."""
    refusal = await _turn(subscriber_id, work, active=True, who=who)
    if not refusal:
        work.enqueue(*(job_of(subscriber_id, one) for one in await partners.release_held(work, subscriber_id)))
    return refusal


async def rotate(subscriber_id: UUID, work: Work, *, who: str, ground: Ground) -> str | Refusal:
    """A new secret; the one before signs as well, so that the partner can change in its own time."""
    subscriber = await partners.lock_subscriber(work, subscriber_id)
    if not subscriber:
        return NO_SUBSCRIBER
    secret, before = _new_secret(), json.loads(ground.sealer.open(subscriber.secrets))
    secrets = ground.sealer.seal(subscriber_id, json.dumps([secret, *before[:1]]).encode())
    await partners.save_subscriber(work, replace(subscriber, secrets=secrets))
    await write_down(work, who, "rotate secret", "notifications", {"name": subscriber.name})
    return secret


async def unsubscribe(subscriber_id: UUID, work: Work, *, who: str) -> Refusal | None:
    subscriber = await partners.lock_subscriber(work, subscriber_id)
    if not subscriber:
        return NO_SUBSCRIBER
    await partners.remove_subscriber(work, subscriber_id)
    await write_down(work, who, "unsubscribe partner", "notifications", {"name": subscriber.name})
    return None


async def _deliver(pairs: Sequence[tuple[Subscriber, Item]], work: Work, *, again: bool = False) -> int:
    wanted = {
        (one.id, item.head.id): Delivery(
            subscriber_id=one.id,
            event_id=item.head.id,
            type=item.head.type,
            body=body_of(item.event, at=item.head.time),
            state=DeliveryState.WAITING if one.active else DeliveryState.HELD,
            tries=0,
            since=work.now,
        )
        for one, item in pairs
        if item.head.type in one.types
    }
    new = await partners.add_deliveries(work, list(wanted.values()), again=again)
    going = [key for key in wanted if key in new and wanted[key].state is DeliveryState.WAITING]
    work.enqueue(*(job_of(*key) for key in going))
    return len(new)


async def _turn(subscriber_id: UUID, work: Work, *, active: bool, who: str) -> Refusal | None:
    subscriber = await partners.lock_subscriber(work, subscriber_id)
    if not subscriber:
        return NO_SUBSCRIBER
    await partners.save_subscriber(work, replace(subscriber, active=active))
    action = "resume partner" if active else "pause partner"
    await write_down(work, who, action, "notifications", {"name": subscriber.name})
    return None


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(SECRET_BYTES)).decode()}"
