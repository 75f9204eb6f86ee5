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
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.dead import bury
from wanderamt.backbone.forever import for_ever, until_woken
from wanderamt.backbone.tracing import recorded, span_under
from wanderamt.backbone.work import JOB_CHANNEL, Work
from wanderamt.kernel.decision import Attempt, Expired, Job, Park, Pause, Retry, Unknown

LEASE_S = 6.0
RENEW_EVERY_S = 2.0
POLL_S = 1.0
DRAIN_S = 15.0
BACKOFF_S = (1.0, 5.0, 15.0, 60.0, 300.0)
JITTER = 0.2  # of each delay: many jobs that failed together do not come back together

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


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    lease: UUID
    job: Job
    attempt: Attempt
    trace: dict[str, str]
    reason: str
    expired: bool


class LeaseLost(Exception):
    """This process was silent for longer than its lease: the outcome is another's to write."""


@dataclass
class Jobs:
    """Runs the lanes of one service. Start as many processes as you like: leases keep them apart."""

    database: Database
    lanes: Sequence[Lane]
    trouble: str = "not started"
    done: int = 0
    rng: random.Random = field(default_factory=random.Random)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _leases: dict[UUID, UUID] = field(default_factory=dict)
    _more_waits: dict[str, bool] = field(default_factory=dict)  # by queue: the last claim left some behind

    async def start(self) -> None:
        for lane in self.lanes:
            what = f"jobs-{lane.job.QUEUE}"
            self._tasks.append(asyncio.create_task(for_ever(what, partial(self._run, lane), self._tell), name=what))
        self._tasks.append(asyncio.create_task(for_ever("jobs-renew", self._renew, self._tell), name="jobs-renew"))

    async def stop(self) -> None:
        """Claims nothing more, lets running calls end within the drain budget, then leaves the rest to their leases."""
        *lanes, renew = self._tasks
        await _cancel(lanes)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        await _cancel([*self._running.values(), renew])

    async def _run(self, lane: Lane) -> None:
        async with self.database.listening(JOB_CHANNEL) as (_, woken):
            self.trouble = ""
            await self._claim_for_ever(lane, woken)

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble

    async def _claim_for_ever(self, lane: Lane, woken: asyncio.Event) -> None:
        mine: set[asyncio.Task[None]] = set()
        while True:
            woken.clear()
            for claimed, task in await self._claim(lane, lane.slots - len(mine)):
                running = asyncio.create_task(self._do(lane, claimed, task), name=f"job-{claimed.id}")
                self._running[claimed.id], self._leases[claimed.id] = running, claimed.lease
                mine.add(running)
                running.add_done_callback(mine.discard)
                running.add_done_callback(partial(self._ended, lane, claimed.id, woken))
            await until_woken(woken, POLL_S)

    async def _claim(self, lane: Lane, free: int) -> list[tuple[Claimed, object]]:
        """All in one transaction; when a claim fails, again with each under a savepoint, so that it fails alone."""
        self._more_waits[lane.job.QUEUE] = True
        if free <= 0:
            return []
        try:
            return await self._claim_all(lane, free, self._ask_claim)
        except TRANSIENT:
            raise
        except Exception:
            return await self._claim_all(lane, free, self._ask_claim_alone)

    async def _claim_all(
        self, lane: Lane, free: int, ask: Callable[[Lane, Claimed, Work], Awaitable[object]]
    ) -> list[tuple[Claimed, object]]:
        async with self.database.work() as work:
            allowed = await lane.gate(free, work) if lane.gate else free
            self._say_pause(lane, allowed)
            if isinstance(allowed, Pause) or allowed <= 0:
                return []
            ready = []
            limit = min(free, allowed)
            heads = await self._lease_heads(lane, limit, work)
            self._more_waits[lane.job.QUEUE] = len(heads) == limit
            for claimed in heads:
                with _span(claimed, "claim", work):
                    task = await ask(lane, claimed, work)
                if isinstance(task, Retry):
                    await self._put_off(claimed, task, work)
                elif task is None:
                    await _finish(claimed, work)
                else:
                    ready.append((claimed, task))
            return ready

    def _say_pause(self, lane: Lane, allowed: int | Pause) -> None:
        if isinstance(allowed, Pause):
            self.trouble = f"{lane.job.QUEUE} is paused: {allowed.reason}"
        elif self.trouble.startswith(f"{lane.job.QUEUE} is paused"):
            self.trouble = ""

    async def _lease_heads(self, lane: Lane, free: int, work: Work) -> list[Claimed]:
        lease = work.new_id()
        rows = await work.db.fetch(
            """
            WITH head AS (
                SELECT id, unsure OR lease IS NOT NULL AS interrupted FROM job j
                WHERE queue = $1 AND NOT dead AND NOT behind AND run_at <= $2 AND (lease IS NULL OR leased_until < $2)
                  AND NOT EXISTS (SELECT 1 FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq)
                ORDER BY run_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
            )
            UPDATE job SET lease = $4, leased_until = $2 + make_interval(secs => $5), attempts = attempts + 1,
                           unsure = false
            FROM head WHERE job.id = head.id
            RETURNING job.id, body, trace, attempts, interrupted, reason, deadline <= $2 AS expired
            """,
            lane.job.QUEUE,
            work.now,
            free,
            lease,
            LEASE_S,
        )
        return [
            Claimed(
                id=row["id"],
                lease=lease,
                job=lane.job.model_validate(row["body"]),
                attempt=Attempt(row["attempts"], row["interrupted"]),
                trace=row["trace"],
                reason=row["reason"],
                expired=row["expired"],
            )
            for row in rows
        ]

    async def _ask_claim(self, lane: Lane, claimed: Claimed, work: Work) -> object:
        return Expired(claimed.reason) if claimed.expired else await lane.claim(claimed.job, claimed.attempt, work)

    async def _ask_claim_alone(self, lane: Lane, claimed: Claimed, work: Work) -> object:
        try:
            async with work.db.transaction():
                task = await self._ask_claim(lane, claimed, work)
                await work.flush()
                return task
        except TRANSIENT:
            raise
        except Exception as error:
            work.forget()
            log.exception("jobs.claim_failed", queue=lane.job.QUEUE, job_id=str(claimed.id))
            return Retry(_backoff(claimed.attempt), f"{type(error).__name__} in claim")

    async def _do(self, lane: Lane, claimed: Claimed, task: object) -> None:
        with _span(claimed, "call"):
            outcome = await self._call(lane, claimed, task)
        await self._record(lane, claimed, outcome)

    async def _call(self, lane: Lane, claimed: Claimed, task: object) -> object:
        if isinstance(task, Expired):
            return task
        try:
            async with asyncio.timeout(lane.timeout_s):
                return await lane.call(task)
        except Exception as error:
            log.exception("jobs.call_failed", queue=lane.job.QUEUE, job_id=str(claimed.id))
            return Unknown(_backoff(claimed.attempt), f"{type(error).__name__} in the call")

    async def _record(self, lane: Lane, claimed: Claimed, outcome: object) -> None:
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
                mine = await _finish(claimed, work)
        if not mine:
            raise LeaseLost

    async def _bury(self, claimed: Claimed, reason: str, work: Work, *, holds_key: bool = True) -> bool:
        consumer = self.database.owner
        return await bury(work, claimed.id, claimed.lease, claimed.job, reason, consumer=consumer, holds_key=holds_key)

    async def _put_off(self, claimed: Claimed, again: Retry | Unknown, work: Work) -> bool:
        after_s = again.after_s * (1 + JITTER * self.rng.uniform(-1, 1))
        status = await work.db.execute(
            """
            UPDATE job SET lease = NULL, leased_until = NULL, run_at = $3, reason = $4, unsure = $5
            WHERE id = $1 AND lease = $2
            """,
            claimed.id,
            claimed.lease,
            work.now + timedelta(seconds=after_s),
            again.reason,
            isinstance(again, Unknown),
        )
        return bool(status == "UPDATE 1")

    def _ended(self, lane: Lane, job_id: UUID, woken: asyncio.Event, _: asyncio.Task[None]) -> None:
        self._running.pop(job_id, None)
        self._leases.pop(job_id, None)
        if self._more_waits[lane.job.QUEUE]:
            woken.set()

    async def _renew(self) -> None:
        await asyncio.sleep(RENEW_EVERY_S)
        with suppress(*TRANSIENT):  # the next beat is soon enough: a lease lives for three of them
            if leases := dict(self._leases):
                async with self.database.work() as work:
                    await work.db.execute(
                        """
                        UPDATE job SET leased_until = $3::timestamptz + make_interval(secs => $4)
                        FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease)
                        WHERE job.id = held.id AND job.lease = held.lease
                        """,
                        list(leases),
                        list(leases.values()),
                        work.now,
                        LEASE_S,
                    )


async def _finish(claimed: Claimed, work: Work) -> bool:
    """Wakes the runners when the next of this key waits: they would look in vain after every other job."""
    followed = await work.db.fetchval(
        """
        DELETE FROM job j WHERE id = $1 AND lease = $2
        RETURNING EXISTS (SELECT 1 FROM job n WHERE n.queue = j.queue AND n.key = j.key AND n.id <> j.id)
        """,
        claimed.id,
        claimed.lease,
    )
    if followed:
        work.woken.add(JOB_CHANNEL)
    return followed is not None


def _backoff(attempt: Attempt) -> float:
    return BACKOFF_S[min(attempt.number - 1, len(BACKOFF_S) - 1)]


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
