"""Background tasks that must not end: they log an error, wait, and start again.

Invariants: a task ends only when it is cancelled from outside. A client library that cancels its own futures (aiokafka
does when a connection breaks) does not end it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiokafka.errors import KafkaError

from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
HEALTHY_AFTER_S = 10.0  # a run of this length resets the back-off

log = structlog.get_logger()


async def run_forever(
    name: str, body: Callable[[], Awaitable[None]], report_problem: Callable[[str], None] = lambda _: None
) -> None:
    """Runs `body` again and again. Calls `report_problem` before each wait; `body` itself clears the problem."""
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
            reason = "CancelledError"
            log.warning("task.retrying", task=name, error=reason, failures=failures)
        except (KafkaError, *TRANSIENT_ERRORS) as error:
            reason = type(error).__name__
            log.warning("task.retrying", task=name, error=reason, failures=failures)
        except Exception as error:
            reason = type(error).__name__
            log.exception("task.failed", task=name, failures=failures)
        failures = 0 if loop.time() - begun > HEALTHY_AFTER_S else failures
        report_problem(f"{reason}: {name} waits and tries again")
        await asyncio.sleep(backoff_s(failures))
        failures += 1


def backoff_s(failures: int) -> float:
    """Seconds to wait after this many failures in a row, counted from 0."""
    return BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]


async def wait_for_signal(signal: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or after `seconds`.

    Does not use asyncio.wait_for: in Python 3.11 it swallows a cancellation that comes together with the event, and a
    loop around it then never ends.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await signal.wait()
