"""Notification processes that live shortly and die by kill -9 at a named point, many of them quickly.

python nursery.py: reads a JSON line for each life on standard input, forks a child that lives it, and
answers with how it ended. A child works off what is due and ends by itself when nothing is.
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
from notifications.settings import Settings
from wanderamt.backbone.bulk import Asked, Bulk, Ended
from wanderamt.backbone.job_rows import Claimed
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.sources import Sources, utc_now
from wanderamt.backbone.work import Work
from wanderamt.shell.telemetry import start_logs

POINTS = (
    "claim.open",  # the provider was chosen, and the claim is not committed
    "claim.committed",
    "call.under way",  # at some moment while the provider has it
    "call.ended",  # the answer is here, and nothing is written
    "record.open",  # it is written, and not committed
    "record.committed",
)
IDLE_S = 0.12


@dataclass
class Death:
    """At the `nth` time that `point` is passed. `after_s`: into a call."""

    point: str
    nth: int
    after_s: float
    passed: int = 0

    def passes(self, point: str) -> None:
        if point != self.point:
            return
        self.passed += 1
        if self.passed >= self.nth:
            if point == "call.under way":
                asyncio.get_running_loop().call_later(self.after_s, _die)
            else:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class MortalJobs(Jobs):
    death: Death

    async def _do(self, lane: Lane | Bulk, claimed: Claimed, task: object) -> None:
        self.death.passes("claim.committed")
        await super()._do(lane, claimed, task)
        self.death.passes("record.committed")


def mortal(lane: Bulk, death: Death) -> Bulk:
    async def claim(asked: Sequence[Asked], work: Work) -> Sequence[object]:
        tasks = await lane.claim(asked, work)
        death.passes("claim.open")
        return tasks

    async def call(task: Any) -> object:
        death.passes("call.under way")
        outcome = await lane.call(task)
        death.passes("call.ended")
        return outcome

    async def record(ended: Sequence[Ended], work: Work) -> Any:
        given = await lane.record(ended, work)
        death.passes("record.open")
        return given

    return replace(lane, claim=claim, call=call, record=record)


async def live(settings: dict[str, Any], death: Death, ahead_s: float) -> None:
    """Until nothing is due."""
    service = build(Settings.model_validate(settings))
    database = service.ground.database
    database.sources = Sources(clock=lambda: utc_now() + timedelta(seconds=ahead_s))
    jobs: Any = service.parts["jobs"]
    jobs.lanes = [mortal(one, death) if isinstance(one, Bulk) else one for one in jobs.lanes]
    jobs.__class__, jobs.death = MortalJobs, death
    parts = [service.parts[name] for name in ("providers", "jobs", "receipts")]
    await database.start()
    for part in parts:
        await part.start()
    idle_since = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - idle_since < IDLE_S:
        await asyncio.sleep(0.03)
        async with database.work() as work:
            if await work.db.fetchval(
                "SELECT EXISTS (SELECT 1 FROM job WHERE run_at <= $1) OR EXISTS (SELECT 1 FROM receipt WHERE look_at <= $1)",
                work.now,
            ):
                idle_since = asyncio.get_running_loop().time()
    for part in reversed(parts):
        await part.stop()
    await database.stop()


def child(life: dict[str, Any]) -> None:
    rng = random.Random(life["seed"])  # noqa: S311 -- seeded, not secret
    point = life["point"]
    death = Death(point, rng.randrange(1, 5), rng.uniform(0.0, 0.04))
    start_logs("critical")
    asyncio.run(live(life["settings"], death, life["ahead_s"]))


def main() -> None:
    texts = notifications.app.Texts()  # read once, not in each life
    notifications.app.Texts = lambda *_: texts  # type: ignore[assignment, misc]
    for line in sys.stdin:
        life = json.loads(line)
        process = os.fork()
        if process == 0:
            try:
                child(life)
                os._exit(0)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
