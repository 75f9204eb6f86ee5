"""Plans are made by a process of their own: it burns CPU and is killed when nobody wants its plan.

Kept true: the service itself loads no solver, which would take a second and a hundred megabytes of every start.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import structlog

from scheduling.domain.planmaking import MADE, ORDER, Failed, Made, Order

GRACE_S = 120.0  # beyond the time given: compiling on a new machine, naming, explaining
LINE_BYTES = 64 * 1024 * 1024

Note = Callable[[UUID, float, float, float], Awaitable[bool]]
"""(plan, share of the time that is over, worth, bound) → whether it is still wanted."""

log = structlog.get_logger()


async def make_plan(claimed: tuple[UUID, Order], *, note: Note) -> Made | Failed:
    """The process dies with the order: cancelling is killing it."""
    plan_id, order = claimed
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scheduling.solver.work"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    complaints = asyncio.create_task(_read(process.stderr))
    try:
        async with asyncio.timeout(order.seconds + GRACE_S):
            return await _follow(process, plan_id, order, note) or Failed(await _reason(complaints))
    except TimeoutError:
        return Failed("the solver did not end in time")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        complaints.cancel()


async def _follow(process: asyncio.subprocess.Process, plan_id: UUID, order: Order, note: Note) -> Made | Failed | None:
    assert process.stdin and process.stdout  # noqa: S101, PT018 -- both are pipes
    process.stdin.write(ORDER.dump_json(order))
    await process.stdin.drain()
    process.stdin.close()
    while line := await process.stdout.readline():
        word, _, rest = line.decode().strip().partition(" ")
        if word == "made":
            return MADE.validate_json(rest)
        if word == "progress":
            share, worth, bound = map(float, rest.split())
            if not await note(plan_id, share, worth, bound):
                log.info("plan.cancelled", plan_id=plan_id)
                return CANCELLED
    return None


CANCELLED = Made((), (), (), (), 0.0, 0.0, 0.0, 0.0, 0, cancelled=True)


async def _read(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode(errors="replace") if stream else ""


async def _reason(complaints: "asyncio.Task[str]") -> str:
    said = (await complaints).strip().splitlines()
    return f"the solver ended without a plan: {said[-1] if said else 'it said nothing'}"
