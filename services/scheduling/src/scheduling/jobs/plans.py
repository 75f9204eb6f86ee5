"""Makes plans in a separate process, because the solver uses the CPU for long; cancelling a plan kills its process.

Invariants: the service itself does not import the solver, which would add a second and 100 MB to every start.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import structlog

from scheduling.domain.plan_job import SOLVER_INPUT, SOLVER_RESULT, SolverFailure, SolverInput, SolverResult

SOLVER_GRACE_S = 120.0  # beyond the search time: compiling on a new machine, assigning crews, explaining
MAX_LINE_BYTES = 64 * 1024 * 1024

ReportProgress = Callable[[UUID, float, float, float], Awaitable[bool]]
"""(plan, share of the search time used, objective, bound) → False if the plan was cancelled."""

CANCELLED = SolverResult((), (), (), (), 0.0, 0.0, 0.0, 0.0, 0, cancelled=True)

log = structlog.get_logger()


async def run_solver(prepared: tuple[UUID, SolverInput], *, report: ReportProgress) -> SolverResult | SolverFailure:
    """Runs the solver process. It never outlives this call: cancelling the call kills the process."""
    plan_id, solver_input = prepared
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "scheduling.solver.worker_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
    )
    errors = asyncio.create_task(_read(process.stderr))
    try:
        async with asyncio.timeout(solver_input.seconds + SOLVER_GRACE_S):
            result = await _exchange(process, plan_id, solver_input, report)
            return result or SolverFailure(await _failure_reason(errors))
    except TimeoutError:
        return SolverFailure("the solver did not end in time")
    except (ValueError, OSError) as error:  # the next attempt would fail too, and other plans wait for this one
        log.exception("plan.failed", plan_id=plan_id)
        return SolverFailure(f"the solver's answer cannot be read: {type(error).__name__}")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        errors.cancel()


async def _exchange(
    process: asyncio.subprocess.Process, plan_id: UUID, solver_input: SolverInput, report: ReportProgress
) -> SolverResult | None:
    """Sends the input, then reads progress lines until the result. None: the process ended without a result."""
    assert process.stdin and process.stdout  # noqa: S101, PT018 -- both are pipes
    with suppress(ConnectionError):  # it died at once: its output says so by its end
        process.stdin.write(SOLVER_INPUT.dump_json(solver_input))
        await process.stdin.drain()
        process.stdin.close()
    while line := await process.stdout.readline():
        word, _, rest = line.decode().strip().partition(" ")
        if word == "result":
            return SOLVER_RESULT.validate_json(rest)
        if word == "progress":
            progress, objective, bound = map(float, rest.split())
            if not await report(plan_id, progress, objective, bound):
                log.info("plan.cancelled", plan_id=plan_id)
                return CANCELLED
    return None


async def _read(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode(errors="replace") if stream else ""


async def _failure_reason(errors: "asyncio.Task[str]") -> str:
    lines = (await errors).strip().splitlines()
    return f"the solver ended without a plan: {lines[-1] if lines else 'no error output'}"
