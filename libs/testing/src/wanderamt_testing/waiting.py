"""Waiting for an effect of another task or process."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

Condition = Callable[[], bool | Awaitable[bool]]


async def wait_until(condition: Condition, *, timeout_s: float = 30, interval_s: float = 0.02) -> None:
    """Returns when the condition holds. Raises TimeoutError after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(interval_s)
