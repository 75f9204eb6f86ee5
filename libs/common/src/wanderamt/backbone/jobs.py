"""Slow work as durable, keyed jobs: claim, call, record.

Kept true: of each key only the oldest job runs; a claim is committed before the call (so a crash leaves a trace); no
transaction is open during the call; an outcome counts only under the lease it was made with. A try whose effect is not
known (a crash, a time-out) is claimed as interrupted and never blindly repeated. A pause claims nothing and spends no
try. A job that cannot end well before its deadline is given to `record` as Expired. A job that `record` cannot take
stays, dead, and parks its key.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from wanderamt.backbone.bulk import Asked, Bulk, Recorder
from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.dead import bury
from wanderamt.backbone.forever import for_ever, until_woken
from wanderamt.backbone.job_rows import (
    Claimed,
    backoff,
    finish,
    finish_many,
    jittered,
    lease_heads,
    put_off,
    put_off_many,
    renew,
)
from wanderamt.backbone.tracing import recorded, span_under
from wanderamt.backbone.work import JOB_CHANNEL, Work
from wanderamt.kernel.decision import Attempt, Expired, Job, Park, Pause, Retry, Unknown

RENEW_EVERY_S = 2.0
POLL_S = 1.0
DRAIN_S = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lane:
    """How one kind of job is done.

    gate:   (free slots, work) → how many may be claimed now, or a Pause. Without it: as many as are free.
    claim:  (job, attempt, work) → the task for `call`; a Retry to put it off; None when there is nothing left to do.
    call:   task → outcome, outside any transaction, within `timeout_s`. A Retry: it surely had no effect. An Unknown,
            an exception or a time-out: nobody knows, and the next claim is told so by `attempt.interrupted`.
    record: (job, outcome, work) → None when done; a Retry or an Unknown, as if the call had said so; a Park when only a
            human can go on. The outcome is Expired when the deadline has passed.
    """

    job: type[Job]
    claim: Callable[[Any, Attempt, Work], Awaitable[object]]
    call: Callable[[Any], Awaitable[object]]
    record: Callable[[Any, Any, Work], Awaitable[Retry | Unknown | Park | None]]
    slots: int = 8
    timeout_s: float = 30.0
    gate: Callable[[int, Work], Awaitable[int | Pause]] | None = None


class LeaseLost(Exception):
    """This process was silent for longer than its lease: the outcome is another's to write."""


@dataclass
class Jobs:
    """Runs the lanes of one service. Start as many processes as you like: leases keep them apart.

    `pauses`: by queue, why it claims nothing just now: a closed register is no trouble of ours.
    """

    database: Database
    lanes: Sequence[Lane | Bulk]
    trouble: str = "not started"
    pauses: dict[str, str] = field(default_factory=dict)
    done: int = 0
    rng: random.Random = field(default_factory=random.Random)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _beside: list[asyncio.Task[None]] = field(default_factory=list)  # what running jobs need until they have ended
    _running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _leases: dict[UUID, UUID] = field(default_factory=dict)
    _more_waits: dict[str, bool] = field(default_factory=dict)  # by queue: the last claim left some behind
    _room_left: dict[str, bool] = field(default_factory=dict)  # by queue: not all that were claimed are called
    _recorders: dict[str, Recorder] = field(default_factory=dict)

    async def start(self) -> None:
        for lane in self.lanes:
            what = f"jobs-{lane.job.QUEUE}"
            self._tasks.append(asyncio.create_task(for_ever(what, partial(self._run, lane), self._tell), name=what))
            if isinstance(lane, Bulk):
                recorder = self._recorders[lane.job.QUEUE] = Recorder(self.database, lane, self.rng)
                self._beside.append(asyncio.create_task(for_ever(f"{what}-record", recorder.run, self._tell)))
        self._beside.append(asyncio.create_task(for_ever("jobs-renew", self._renew, self._tell), name="jobs-renew"))

    async def stop(self) -> None:
        """Claims nothing more, lets running calls end within the drain budget, then leaves the rest to their leases."""
        await _cancel(self._tasks)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        await _cancel([*self._running.values(), *self._beside])

    async def _run(self, lane: Lane | Bulk) -> None:
        async with self.database.listening(JOB_CHANNEL) as (_, woken):
            self.trouble = ""
            await self._claim_for_ever(lane, woken)

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble

    async def _claim_for_ever(self, lane: Lane | Bulk, woken: asyncio.Event) -> None:
        mine: set[asyncio.Task[None]] = set()
        while True:
            woken.clear()
            for claimed, task in await self._claim(lane, lane.slots - len(mine)):
                running = asyncio.create_task(self._do(lane, claimed, task), name=f"job-{claimed.id}")
                self._running[claimed.id], self._leases[claimed.id] = running, claimed.lease
                mine.add(running)
                running.add_done_callback(mine.discard)
                running.add_done_callback(partial(self._ended, lane, claimed.id, woken))
            if self._more_waits[lane.job.QUEUE] and self._room_left.pop(lane.job.QUEUE, False):
                continue  # what needed no call has made room for what does
            await until_woken(woken, POLL_S)

    async def _claim(self, lane: Lane | Bulk, free: int) -> list[tuple[Claimed, object]]:
        """All in one transaction; when a claim fails, again with each under a savepoint, so that it fails alone."""
        self._more_waits[lane.job.QUEUE] = True
        if free <= 0:
            return []
        try:
            return await self._claim_all(lane, free, self._ask_claims)
        except TRANSIENT:
            raise
        except Exception:
            return await self._claim_all(lane, free, self._ask_claims_alone)

    async def _claim_all(
        self,
        lane: Lane | Bulk,
        free: int,
        ask: Callable[[Lane | Bulk, list[Claimed], Work], Awaitable[Sequence[object]]],
    ) -> list[tuple[Claimed, object]]:
        async with self.database.work() as work:
            allowed = await lane.gate(free, work) if lane.gate else free
            self._say_pause(lane, allowed)
            if isinstance(allowed, Pause) or allowed <= 0:
                return []
            limit = min(free, allowed)
            heads = await lease_heads(work, lane.job, limit)
            self._more_waits[lane.job.QUEUE] = len(heads) == limit
            asked = list(zip(heads, await ask(lane, heads, work), strict=True))
            later = [(claimed, task, task.after_s) for claimed, task in asked if isinstance(task, Retry)]
            await put_off_many(work, [(one, task, jittered(after_s, self.rng)) for one, task, after_s in later])
            await finish_many(work, [claimed for claimed, task in asked if task is None])
            ready = [(claimed, task) for claimed, task in asked if task is not None and not isinstance(task, Retry)]
            self._room_left[lane.job.QUEUE] = len(ready) < len(heads)
            return ready

    def _say_pause(self, lane: Lane | Bulk, allowed: int | Pause) -> None:
        if isinstance(allowed, Pause):
            self.pauses[lane.job.QUEUE] = allowed.reason
        else:
            self.pauses.pop(lane.job.QUEUE, None)

    async def _ask_claims(self, lane: Lane | Bulk, heads: Sequence[Claimed], work: Work) -> Sequence[object]:
        if not isinstance(lane, Bulk):
            return [await self._ask_claim(lane, claimed, work) for claimed in heads]
        asked = [Asked(one.job, one.attempt, one.expired, one.trace) for one in heads]
        tasks = await lane.claim(asked, work) if asked else ()
        work.carried = None
        return tasks

    async def _ask_claim(self, lane: Lane, claimed: Claimed, work: Work) -> object:
        with _span(claimed, "claim", work):
            return Expired(claimed.reason) if claimed.expired else await lane.claim(claimed.job, claimed.attempt, work)

    async def _ask_claims_alone(self, lane: Lane | Bulk, heads: Sequence[Claimed], work: Work) -> Sequence[object]:
        tasks: list[object] = []
        for claimed in heads:
            try:
                async with work.db.transaction():
                    tasks += await self._ask_claims(lane, [claimed], work)
                    await work.flush()
            except TRANSIENT:
                raise
            except Exception as error:
                work.forget()
                log.exception("jobs.claim_failed", queue=lane.job.QUEUE, job_id=str(claimed.id))
                tasks.append(Retry(backoff(claimed.attempt), f"{type(error).__name__} in claim"))
        return tasks

    async def _do(self, lane: Lane | Bulk, claimed: Claimed, task: object) -> None:
        with _span(claimed, "call"):
            outcome = await self._call(lane, claimed, task)
        await self._record(lane, claimed, outcome)

    async def _call(self, lane: Lane | Bulk, claimed: Claimed, task: object) -> object:
        if isinstance(task, Expired):
            return task
        try:
            async with asyncio.timeout(lane.timeout_s):
                return await lane.call(task)
        except Exception as error:
            log.exception("jobs.call_failed", queue=lane.job.QUEUE, job_id=str(claimed.id))
            return Unknown(backoff(claimed.attempt), f"{type(error).__name__} in the call")

    async def _record(self, lane: Lane | Bulk, claimed: Claimed, outcome: object) -> None:
        if isinstance(lane, Bulk):
            if await self._recorders[lane.job.QUEUE].add(claimed, outcome):
                self.done += 1
            else:
                log.warning("jobs.lease_lost", job_id=str(claimed.id))
            return
        while True:
            try:
                async with self.database.work() as work:
                    await self._record_once(lane, claimed, outcome, work)
                self.done += 1
                return
            except LeaseLost:
                log.warning("jobs.lease_lost", job_id=str(claimed.id))
                return
            except TRANSIENT as error:
                log.warning("jobs.record_waits", job_id=str(claimed.id), error=type(error).__name__)
                await asyncio.sleep(0.5)
            except Exception as error:
                log.exception("jobs.record_failed", queue=lane.job.QUEUE, job_id=str(claimed.id))
                async with self.database.work() as work:
                    await self._bury(claimed, f"{type(error).__name__} in record", work)
                return

    async def _record_once(self, lane: Lane, claimed: Claimed, outcome: object, work: Work) -> None:
        """Raises LeaseLost, and with it takes back what was written, when somebody else has claimed the job since."""
        with _span(claimed, "record", work):
            unfinished = isinstance(outcome, Retry | Unknown)
            again = outcome if unfinished else await lane.record(claimed.job, outcome, work)
        match again:
            case Retry() | Unknown():
                mine = await self._put_off(claimed, again, work)
            case Park(reason, holds_key):
                mine = await self._bury(claimed, reason, work, holds_key=holds_key)
            case _:
                mine = await finish(work, claimed)
        if not mine:
            raise LeaseLost

    async def _bury(self, claimed: Claimed, reason: str, work: Work, *, holds_key: bool = True) -> bool:
        return await bury(work, claimed, reason, consumer=self.database.owner, holds_key=holds_key)

    async def _put_off(self, claimed: Claimed, again: Retry | Unknown, work: Work) -> bool:
        return await put_off(work, claimed, again, after_s=jittered(again.after_s, self.rng))

    def _ended(self, lane: Lane | Bulk, job_id: UUID, woken: asyncio.Event, _: asyncio.Task[None]) -> None:
        self._running.pop(job_id, None)
        self._leases.pop(job_id, None)
        if self._more_waits[lane.job.QUEUE]:
            woken.set()

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_EVERY_S)
        with suppress(*TRANSIENT):  # the next beat is soon enough: a lease lives for three of them
            if leases := dict(self._leases):
                async with self.database.work() as work:
                    await renew(work, leases)


def _span(claimed: Claimed, beat: str, work: Work | None = None) -> Any:
    keep = recorded(claimed.trace)
    if work:
        work.carried = None if keep else claimed.trace
    if not keep:
        return nullcontext()
    about = {"job.id": str(claimed.id), "job.attempt": claimed.attempt.number}
    return span_under(claimed.trace, f"{claimed.job.QUEUE} {beat}", attributes=about)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
