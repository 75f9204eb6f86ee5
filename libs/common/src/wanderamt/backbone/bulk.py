"""Jobs of which there are many and each is quick: claimed many in one transaction, recorded many in one.

Kept true: all that `jobs` keeps true. An outcome whose lease was lost is left out before anything is written of it;
when a batch cannot be recorded, each of it is recorded alone, so that it fails alone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.dead import bury
from wanderamt.backbone.job_rows import Claimed, finish_many, jittered, lock_held, put_off_many
from wanderamt.backbone.work import Work
from wanderamt.kernel.decision import Attempt, Job, Park, Pause, Retry, Unknown

log = structlog.get_logger()


class Asked(NamedTuple):
    """A job that may be claimed. `expired`: its deadline has passed."""

    job: Any
    attempt: Attempt
    expired: bool
    trace: dict[str, str]


class Ended(NamedTuple):
    """A call that ended. `trace`: for what is told of it, see Work.carried."""

    job: Any
    outcome: Any
    trace: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bulk:
    """How one kind of job is done, many at a time. Gate and call are those of a Lane.

    claim:  (jobs, work) → for each, in the same order, what a Lane's claim gives; it decides on expired ones too.
    record: (ended, work) → for each, in the same order, what a Lane's record gives. Also for a call that ended as Retry
            or Unknown: it says what becomes of the job.
    """

    job: type[Job]
    claim: Callable[[Sequence[Asked], Work], Awaitable[Sequence[object]]]
    call: Callable[[Any], Awaitable[object]]
    record: Callable[[Sequence[Ended], Work], Awaitable[Sequence[Retry | Unknown | Park | None]]]
    slots: int = 200
    timeout_s: float = 30.0
    gate: Callable[[int, Work], Awaitable[int | Pause]] | None = None
    at_once: int = 250


@dataclass
class Recorder:
    """Writes down outcomes as they come: what came while the last transaction ran goes with the next."""

    database: Database
    lane: Bulk
    rng: random.Random
    _waiting: list[tuple[Claimed, object, asyncio.Future[bool]]] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def add(self, claimed: Claimed, outcome: object) -> bool:
        """Returns when it is committed; False when the lease was lost."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((claimed, outcome, written))
        self._came.set()
        return await written

    async def run(self) -> None:
        """One batch."""
        await self._came.wait()
        batch, self._waiting = self._waiting[: self.lane.at_once], self._waiting[self.lane.at_once :]
        if not self._waiting:
            self._came.clear()
        try:
            held = await self._until_written([(claimed, outcome) for claimed, outcome, _ in batch])
        except BaseException:
            for *_, written in batch:
                written.cancel()  # its lease ends, and it is claimed again as interrupted
            raise
        for claimed, _, written in batch:
            if not written.done():
                written.set_result(claimed.id in held)

    async def _until_written(self, batch: list[tuple[Claimed, object]]) -> set[Any]:
        while True:
            try:
                return await self._write(batch)
            except TRANSIENT as error:
                log.warning("jobs.record_waits", queue=self.lane.job.QUEUE, error=type(error).__name__)
                await asyncio.sleep(0.5)
            except Exception as error:
                if len(batch) == 1:
                    return await self._bury(batch[0][0], error)
                held = set()
                for one in batch:
                    held |= await self._until_written([one])
                return held

    async def _write(self, batch: list[tuple[Claimed, object]]) -> set[Any]:
        async with self.database.work() as work:
            held = await lock_held(work, [claimed for claimed, _ in batch])
            ours = [(claimed, outcome) for claimed, outcome in batch if claimed.id in held]
            if ours:
                ended = [Ended(claimed.job, outcome, claimed.trace) for claimed, outcome in ours]
                given = await self.lane.record(ended, work)
                work.carried = None
                await self._settle([(claimed, one) for (claimed, _), one in zip(ours, given, strict=True)], work)
            return held

    async def _settle(self, ours: list[tuple[Claimed, Retry | Unknown | Park | None]], work: Work) -> None:
        again = [
            (claimed, one, jittered(one.after_s, self.rng)) for claimed, one in ours if isinstance(one, Retry | Unknown)
        ]
        await put_off_many(work, again)
        await finish_many(work, [claimed for claimed, one in ours if one is None])
        for claimed, one in ours:
            if isinstance(one, Park):
                await bury(work, claimed, one.reason, consumer=self.database.owner, holds_key=one.holds_key)

    async def _bury(self, claimed: Claimed, error: Exception) -> set[Any]:
        log.error("jobs.record_failed", queue=self.lane.job.QUEUE, job_id=str(claimed.id), exc_info=error)
        async with self.database.work() as work:
            reason = f"{type(error).__name__} in record"
            mine = await bury(work, claimed, reason, consumer=self.database.owner)
        return {claimed.id} if mine else set()
