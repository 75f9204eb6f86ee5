"""Loops that must not end: they log what went wrong, wait, and begin again.

Kept true: a loop ends when it is cancelled from outside, and only then. A client library that cancels its own futures
(aiokafka does when a connection goes) ends nothing of ours.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from wanderamt.backbone.database import TRANSIENT

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
WELL_AFTER_S = 10.0

log = structlog.get_logger()


async def for_ever(
    what: str, body: Callable[[], Awaitable[None]], tell: Callable[[str], None] = lambda _: None
) -> None:
    """Runs `body` again and again. `tell` hears why it waits; `body` says itself when it is well again."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        begun = loop.time()
        try:
            await body()
            failures = 0
            continue
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            why = "CancelledError"
            log.warning("loop.waits", loop=what, error=why, failures=failures)
        except (KafkaError, *TRANSIENT) as error:
            why = type(error).__name__
            log.warning("loop.waits", loop=what, error=why, failures=failures)
        except Exception as error:
            why = type(error).__name__
            log.exception("loop.failed", loop=what, failures=failures)
        failures = 0 if loop.time() - begun > WELL_AFTER_S else failures
        tell(f"{why}: {what} waits and tries again")
        await asyncio.sleep(pause_s(failures))
        failures += 1


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row, counted from 0."""
    return BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]


async def until_woken(woken: asyncio.Event, seconds: float) -> None:
    """Until the event is set or so many seconds have passed.

    Not by asyncio.wait_for: in Python 3.11 it swallows a cancellation that comes together with the event, and a loop
    around it then never ends.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()
