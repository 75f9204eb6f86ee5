"""Runs a service that kills itself with SIGKILL at a commit point.

python -m wanderamt_faults.crash_points SERVICE ARMED_FILE CRASH_LOG: runs the service as `wanderamt run` does. When the
service reaches the point that ARMED_FILE names, it appends a line to CRASH_LOG and kills itself.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop
from wanderamt.backbone.jobs.handler import JobHandler
from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.jobs.runner import HandlerState, JobRunner
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.records import Deliver, ReceivedEvent
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.shell.service_loader import build_service

from wanderamt_faults.case_mutants import apply_mutant

RELAY_POINTS = ("relay.read", "relay.acknowledged", "relay.deleted")
INBOX_POINTS = ("inbox.handled", "inbox.committed")
JOB_POINTS = ("job.prepared", "job.executed", "job.completed")
POINTS = {
    "intake": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "registry-bridge": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "notifications": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "scheduling": INBOX_POINTS,
}
ReachPoint = Callable[[str], None]


class CrashPointRelay(Relay):
    reach: ReachPoint

    async def _publish(self, rows: list[Any], producer: Any) -> None:
        self.reach("relay.read")
        await super()._publish(rows, producer)
        self.reach("relay.acknowledged")

    async def _delete(self, connection: Any, ids: list[int]) -> None:
        await super()._delete(connection, ids)
        self.reach("relay.deleted")


class CrashPointInbox(Inbox):
    reach: ReachPoint

    async def process_batch(self, records: Sequence[RawRecord], deliver: Deliver | None = None) -> None:
        await super().process_batch(records, deliver)
        self.reach("inbox.committed")

    async def handle(self, events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
        await super().handle(events, uow)
        self.reach("inbox.handled")


class CrashPointJobRunner(JobRunner):
    reach: ReachPoint

    async def _run_job(self, state: HandlerState, claimed: ClaimedJob, task: object) -> None:
        self.reach("job.prepared")
        await super()._run_job(state, claimed, task)
        self.reach("job.completed")

    async def _execute(self, handler: JobHandler, claimed: ClaimedJob, task: object) -> object:
        outcome = await super()._execute(handler, claimed, task)
        self.reach("job.executed")
        return outcome


COMPONENTS: dict[str, type] = {"relay": Relay, "inbox": Inbox, "job": JobRunner}  # by the first part of a point
CRASHING_COMPONENTS: dict[type, type] = {
    Relay: CrashPointRelay,
    Inbox: CrashPointInbox,
    JobRunner: CrashPointJobRunner,
}


def main(name: str, armed: Path, crash_log: Path) -> None:
    def reach(point: str) -> None:
        if armed.exists() and armed.read_text() == point:
            armed.unlink()
            with crash_log.open("a") as lines:
                lines.write(f"{name} {point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    apply_mutant()
    service = build_service(name)
    missing = {COMPONENTS[point.split(".")[0]] for point in POINTS[name]} - set(map(type, service.components.values()))
    if missing:
        raise RuntimeError(f"{name} has no component of these types, so its crash points are void: {missing}")
    for component in service.components.values():
        crashing = CRASHING_COMPONENTS.get(type(component))
        if crashing:
            component.__class__ = crashing  # the same component, which now reports its commit points
            component.reach = reach  # type: ignore[attr-defined]
    service.migrate()
    uvloop.run(service.run())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
