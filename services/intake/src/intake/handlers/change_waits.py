"""The requests that wait for a change at their stand. A transaction that changes a case wakes them, in any process.

Invariants: nothing is asked of the database while nothing changes; one request per device waits, the newest; their
number is bounded; all end at once when the service stops.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.supervision import run_forever
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import TOO_MANY_WAIT
from intake.store.change_channel import CHANNEL

PING_S = 15.0  # a connection that breaks without a word is found after this time


@dataclass(eq=False, slots=True)
class ChangeWait:
    """`ended`: answer now, although nothing changed."""

    signal: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def end(self) -> None:
        self.ended = True
        self.signal.set()


@dataclass
class ChangeWaits:
    database: Database
    max_waits: int
    health_problem: str = "not started"
    _by_stand: defaultdict[str, set[ChangeWait]] = field(default_factory=lambda: defaultdict(set))
    _by_device: dict[UUID, ChangeWait] = field(default_factory=dict)
    _stopping: bool = False
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(run_forever("change_waits", self._run, self._report_problem), name="changes")

    async def stop(self) -> None:
        self.end_waits()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def end_waits(self) -> None:
        self._stopping = True
        for wait in self._by_device.values():
            wait.end()

    @contextmanager
    def waiting(self, device_id: DeviceId, stand_id: StandId) -> Iterator[ChangeWait | Refusal]:
        """From before the first look, so that no change falls between look and wait."""
        earlier = self._by_device.get(device_id)
        if not earlier and len(self._by_device) >= self.max_waits:
            yield TOO_MANY_WAIT
            return
        if earlier:
            earlier.end()
        wait = self._by_device[device_id] = ChangeWait(ended=self._stopping)
        self._by_stand[str(stand_id)].add(wait)
        try:
            yield wait
        finally:
            if self._by_device.get(device_id) is wait:
                del self._by_device[device_id]
            self._by_stand[str(stand_id)].discard(wait)
            if not self._by_stand[str(stand_id)]:
                del self._by_stand[str(stand_id)]

    async def _run(self) -> None:
        async with self.database.listen(CHANNEL, on_subject=self._wake) as (connection, _):
            self.health_problem = ""
            for stand in list(self._by_stand):  # what was notified without a connection
                self._wake(stand)
            while True:
                await asyncio.sleep(PING_S)
                await connection.execute("SELECT")

    def _wake(self, stand: str) -> None:
        for wait in self._by_stand.get(stand, ()):
            wait.signal.set()

    def _report_problem(self, problem: str) -> None:
        self.health_problem = f"{problem}; devices learn of changes later"
