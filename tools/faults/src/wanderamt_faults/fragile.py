"""A service that kills itself with -9 at a commit point, when a file tells it to.

python -m wanderamt_faults.fragile SERVICE ARMED_FILE LOG_FILE: runs the service as 'wanderamt run' does; as soon as
ARMED_FILE names a point that is being passed, the process dies there and leaves a line in LOG_FILE.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop
from wanderamt.backbone.bulk import Bulk
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.job_rows import Claimed
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.work import Work
from wanderamt.shell.running import build

RELAY_POINTS = ("relay.read", "relay.acknowledged", "relay.deleted")
INBOX_POINTS = ("inbox.handled", "inbox.committed")
JOB_POINTS = ("job.claimed", "job.called", "job.recorded")
POINTS = {
    "intake": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "registry-bridge": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "notifications": (*RELAY_POINTS, *INBOX_POINTS, *JOB_POINTS),
    "scheduling": INBOX_POINTS,
}
Pass = Callable[[str], None]


class FragileRelay(Relay):
    passing: Pass

    async def _publish(self, rows: list[Any], producer: Any) -> None:
        self.passing("relay.read")
        await super()._publish(rows, producer)
        self.passing("relay.acknowledged")

    async def _delete(self, connection: Any, ids: list[int]) -> None:
        await super()._delete(connection, ids)
        self.passing("relay.deleted")


class FragileInbox(Inbox):
    passing: Pass

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        await super().take(arrivals)
        self.passing("inbox.committed")

    async def _handle(self, items: Any, work: Work) -> None:
        await super()._handle(items, work)
        self.passing("inbox.handled")


class FragileJobs(Jobs):
    passing: Pass

    async def _do(self, lane: Lane | Bulk, claimed: Claimed, task: object) -> None:
        self.passing("job.claimed")
        await super()._do(lane, claimed, task)
        self.passing("job.recorded")

    async def _call(self, lane: Lane | Bulk, claimed: Claimed, task: object) -> object:
        outcome = await super()._call(lane, claimed, task)
        self.passing("job.called")
        return outcome


FRAGILE = {Relay: FragileRelay, Inbox: FragileInbox, Jobs: FragileJobs}


def main(name: str, armed: Path, log: Path) -> None:
    def passing(point: str) -> None:
        if armed.exists() and armed.read_text() == point:
            armed.unlink()
            with log.open("a") as lines:
                lines.write(f"{name} {point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    service = build(name)
    for part in service.parts.values():
        fragile = FRAGILE.get(type(part))
        if fragile:
            part.__class__ = fragile  # the same part, with the commit points made visible
            part.passing = passing  # type: ignore[attr-defined]
    service.migrate()
    uvloop.run(service.run())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
