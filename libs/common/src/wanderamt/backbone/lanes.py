"""Handlers in two beats: what takes time is done beforehand, side by side over aggregates, in order within one.

Kept true: no transaction is open while a batch is prepared; of one aggregate one event is prepared at a time, in
order; a failure is kept for the second beat, where it parks its aggregate. Preparing may happen again after a crash,
so it may look things up but must not change the world: that is a job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.work import Work


@dataclass(frozen=True, slots=True)
class Prepared:
    """`prepare(event)` gives what `handler(event, prepared, work)` takes. `slots` prepare at once, 1 s at most each."""

    prepare: Callable[[Any], Awaitable[Any]]
    handler: Callable[[Any, Any, Work], Awaitable[object]]
    slots: int = 20
    timeout_s: float = 1.0


async def prepare(items: Iterable[Item], on: Mapping[Any, object]) -> dict[UUID, Any]:
    """Event id → what was prepared for it, or the exception that came instead."""
    lanes: dict[UUID, list[tuple[Item, Prepared]]] = {}
    for item in items:
        handler = on[type(item.event)]
        if isinstance(handler, Prepared):
            lanes.setdefault(item.head.subject, []).append((item, handler))
    if not lanes:
        return {}
    ready: dict[UUID, Any] = {}
    free = asyncio.Semaphore(min(handler.slots for lane in lanes.values() for _, handler in lane))

    async def run(lane: list[tuple[Item, Prepared]]) -> None:
        for item, handler in lane:
            async with free:
                try:
                    async with asyncio.timeout(handler.timeout_s):
                        ready[item.head.id] = await handler.prepare(item.event)
                except Exception as error:
                    ready[item.head.id] = error

    await asyncio.gather(*map(run, lanes.values()))
    return ready
