"""Short-lived notification processes that die by kill -9 at a named point.

python crash_runner.py: reads one JSON line per run from standard input, forks a child for the run, and reports how it
ended. A child processes the due jobs and exits when none is left.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import notifications.app
from notifications.app import build
from notifications.message_templates import MessageTemplates
from notifications.settings import NotificationSettings
from service_catalogue.authority import shipped_profile
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.backbone.jobs.handler import CompletedJob, JobHandler, JobResult
from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.jobs.runner import HandlerState, JobRunner
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.shell.logs import start_logs

POINTS = (
    "prepare.open",  # the provider was chosen, and the transaction is not committed
    "prepare.committed",
    "execute.running",  # at a random moment while the provider has the message
    "execute.ended",  # the answer arrived, and nothing is recorded
    "complete.open",  # the outcome is recorded, and the transaction is not committed
    "complete.committed",
)
IDLE_S = 0.12


@dataclass
class CrashPoint:
    """Kills the process at the `nth` pass of `point`. `after_s`: seconds into a call."""

    point: str
    nth: int
    after_s: float
    passed: int = 0

    def passes(self, point: str) -> None:
        if point != self.point:
            return
        self.passed += 1
        if self.passed >= self.nth:
            if point == "execute.running":
                asyncio.get_running_loop().call_later(self.after_s, _die)
            else:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class CrashingJobRunner(JobRunner):
    crash_point: CrashPoint

    async def _run_job(self, state: HandlerState, claimed: ClaimedJob, task: object) -> None:
        self.crash_point.passes("prepare.committed")
        await super()._run_job(state, claimed, task)
        self.crash_point.passes("complete.committed")


def crashing(handler: JobHandler, crash_point: CrashPoint) -> JobHandler:
    async def prepare(jobs: Sequence[ClaimedJob], uow: UnitOfWork) -> Sequence[object]:
        tasks = await handler.prepare(jobs, uow)
        crash_point.passes("prepare.open")
        return tasks

    async def execute(task: object) -> object:
        crash_point.passes("execute.running")
        outcome = await handler.execute(task)
        crash_point.passes("execute.ended")
        return outcome

    async def complete(jobs: Sequence[CompletedJob], uow: UnitOfWork) -> Sequence[JobResult]:
        decisions = await handler.complete(jobs, uow)
        crash_point.passes("complete.open")
        return decisions

    return replace(handler, prepare=prepare, execute=execute, complete=complete)


async def process_due_jobs(settings: dict[str, Any], crash_point: CrashPoint, ahead_s: float) -> None:
    """Until no job and no receipt is due."""
    service = build(NotificationSettings.model_validate(settings))
    database = service.context.database
    database.environment = Environment(clock=lambda: utc_now() + timedelta(seconds=ahead_s))
    jobs: Any = service.components["jobs"]
    jobs.handlers = [crashing(handler, crash_point) for handler in jobs.handlers]
    jobs.__class__, jobs.crash_point = CrashingJobRunner, crash_point
    components = [service.components[name] for name in ("providers", "jobs", "receipts")]
    await database.start()
    for component in components:
        await component.start()
    idle_since = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - idle_since < IDLE_S:
        await asyncio.sleep(0.03)
        async with database.unit_of_work() as uow:
            if await uow.db.fetchval(
                """
                SELECT EXISTS (SELECT 1 FROM job WHERE run_at <= $1 AND status <> 'succeeded')
                    OR EXISTS (SELECT 1 FROM receipt WHERE next_attempt_at <= $1)
                """,
                uow.now,
            ):
                idle_since = asyncio.get_running_loop().time()
    for component in reversed(components):
        await component.stop()
    await database.stop()


def child(run: dict[str, Any]) -> None:
    rng = random.Random(run["seed"])  # noqa: S311 -- seeded, not secret
    crash_point = CrashPoint(run["point"], rng.randrange(1, 5), rng.uniform(0.0, 0.04))
    start_logs("critical")
    asyncio.run(process_due_jobs(run["settings"], crash_point, run["ahead_s"]))


def main() -> None:
    templates = MessageTemplates.of(shipped_profile())  # loaded once, not in every run
    notifications.app.MessageTemplates = lambda *_: templates  # type: ignore[attr-defined, assignment]
    for line in sys.stdin:
        run = json.loads(line)
        process = os.fork()
        if process == 0:
            try:
                child(run)
                os._exit(0)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
