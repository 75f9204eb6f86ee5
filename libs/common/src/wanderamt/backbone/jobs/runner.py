"""Runs slow work as durable jobs with keys, in three steps: prepare, execute, complete.

Invariants: only the oldest job of a key runs; the lease is committed before the execution, so a crash leaves a trace;
no transaction is open while a job executes; an outcome counts only under the lease it was produced with. After a crash
or a timeout the outcome of an attempt is unknown: the next attempt learns that and never repeats it blindly. A pause
leases nothing and uses up no attempt. A job whose deadline has passed goes to `complete` as DeadlineExceeded, and one
that fails in the same way again and again as KeepsFailing. A job that `complete` cannot handle stays as failed and
blocks its key. A job whose body cannot be read fails alone. A job that no handler takes is reported.

While a handler is idle, the transaction that enqueues a job for it also claims and prepares it: for a citizen who
waits, this saves a transaction. It waits for no row that `admission` locks.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog

from wanderamt.backbone.jobs.completion import CompletionWriter
from wanderamt.backbone.jobs.failed import mark_failed
from wanderamt.backbone.jobs.handler import JobHandler, job_context
from wanderamt.backbone.jobs.queue import (
    ClaimedJob,
    ClaimedResult,
    UnreadableJob,
    as_claimed,
    claim,
    count_without_handler,
    extend_leases,
    insert_running,
    record_results,
)
from wanderamt.backbone.jobs.repeated_failure import after_execute, after_prepare
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database, EarlyClaimError, JobClaimer
from wanderamt.backbone.persistence.unit_of_work import PendingJob, RowLockedError, UnitOfWork, job_channel
from wanderamt.backbone.start_error import CannotStartError
from wanderamt.backbone.supervision import run_forever, wait_for_signal
from wanderamt.kernel.decision import DeadlineExceeded, NeedsOperator, OutcomeUnknown, Paused, RetryLater

EXTEND_LEASES_EVERY_S = 2.0
FIND_UNHANDLED_EVERY_S = 60.0
POLL_S = 1.0
DRAIN_S = 15.0
NO_EARLY_CLAIMS_S = 60.0  # after one has failed

log = structlog.get_logger()


class DuplicateHandlerError(CannotStartError):
    """Two handlers of one service take the jobs of one queue."""


@dataclass
class HandlerState:
    """`signal`: jobs may be due. `more_due`: the last claim may have left due jobs. `slots_left`: some of the jobs that
    it took needed no execution. `reserved`: slots of claims that are not committed yet. `early_claims_from`: on the
    loop's clock. `claiming`: held while the loop claims."""

    handler: JobHandler
    completion: CompletionWriter
    running: set[asyncio.Task[None]] = field(default_factory=set)
    signal: asyncio.Event = field(default_factory=asyncio.Event)
    more_due: bool = True
    slots_left: bool = False
    reserved: int = 0
    early_claims_from: float = 0.0
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def free(self) -> int:
        return self.handler.concurrency - len(self.running) - self.reserved

    def claims_early(self) -> bool:
        """Whether a transaction that enqueues jobs for this handler claims them: no other is due and a slot is free."""
        return not self.more_due and self.free > 0 and asyncio.get_running_loop().time() >= self.early_claims_from


@dataclass
class JobRunner:
    """Runs the job handlers of one service. Any number of processes may run: leases keep them apart.

    `paused`: queue → why it leases nothing at the moment; `unhandled`: queue → number of its jobs, which no handler of
    this service takes. Neither makes the service unready.
    """

    database: Database
    handlers: Sequence[JobHandler]
    health_problem: str = "not started"
    paused: dict[str, str] = field(default_factory=dict)
    unhandled: dict[str, int] = field(default_factory=dict)
    done: int = 0
    rng: random.Random = field(default_factory=random.Random)
    _states: list[HandlerState] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _lease_task: asyncio.Task[None] | None = None  # needed until the running jobs have ended
    _running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _leases: dict[UUID, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        queues = [handler.job.QUEUE for handler in self.handlers]
        if duplicates := sorted({queue for queue in queues if queues.count(queue) > 1}):
            raise DuplicateHandlerError(f"{self.database.service_name} has two handlers of queue {duplicates[0]}")

    async def start(self) -> None:
        if not self.handlers:
            self.health_problem = ""  # otherwise each handler's loop says so once it runs
        self._states = [
            HandlerState(handler, CompletionWriter(self.database, handler, self.rng)) for handler in self.handlers
        ]
        for state in self._states:
            self.database.job_claimers[job_channel(state.handler.job.QUEUE)] = JobClaimer(
                partial(self._claim_early, state), state.claims_early
            )
            self._tasks.append(self._run_forever(f"jobs-{state.handler.job.QUEUE}", partial(self._run_handler, state)))
        self._tasks.append(self._run_forever("jobs-unhandled", self._report_unhandled))
        self._lease_task = self._run_forever("jobs-leases", self._extend_leases)

    async def stop(self) -> None:
        """Leases nothing more, lets running jobs end within DRAIN_S seconds, then leaves the rest to their leases."""
        for handler in self.handlers:
            self.database.job_claimers.pop(job_channel(handler.job.QUEUE), None)
        await self._end_claims()
        await _cancel(self._tasks)
        for state in self._states:
            if state.claiming.locked():
                state.claiming.release()  # so that a second stop does not wait for a claim
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        await _cancel([*self._running.values(), *([self._lease_task] if self._lease_task else [])])
        for state in self._states:
            await state.completion.stop()

    async def _end_claims(self) -> None:
        """A claim that is cancelled while it commits would leave leased jobs that nobody runs: their outcomes would be
        unknown."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                for state in self._states:
                    await state.claiming.acquire()

    def _run_forever(self, name: str, body: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(run_forever(name, body, self._report_problem), name=name)

    def _report_problem(self, problem: str) -> None:
        self.health_problem = problem

    async def _run_handler(self, state: HandlerState) -> None:
        """Other processes are notified of new jobs while this one may leave some of them due."""
        channel = job_channel(state.handler.job.QUEUE)
        listening = self.database.listen(channel, serves_alone=lambda: not state.more_due)
        async with listening as (_, state.signal):
            self.health_problem = ""
            while True:
                state.signal.clear()
                had_left_jobs = state.more_due
                async with state.claiming:
                    for claimed, task in await self._claim(state):
                        self._start_job(state, claimed, task)
                if state.more_due and not had_left_jobs:
                    self.database.notify_others(channel)
                if state.more_due and state.slots_left:
                    continue  # jobs that needed no execution left slots for others
                await wait_for_signal(state.signal, POLL_S)

    def _start_job(self, state: HandlerState, claimed: ClaimedJob, task: object) -> None:
        execution = asyncio.create_task(self._run_job(state, claimed, task), name=f"job-{claimed.id}")
        self._running[claimed.id], self._leases[claimed.id] = execution, claimed.lease_token
        state.running.add(execution)
        execution.add_done_callback(partial(self._on_job_end, state, claimed.id))

    def _on_job_end(self, state: HandlerState, job_id: UUID, execution: asyncio.Task[None]) -> None:
        state.running.discard(execution)
        self._running.pop(job_id, None)
        self._leases.pop(job_id, None)
        if state.more_due:
            state.signal.set()

    async def _claim(self, state: HandlerState) -> list[tuple[ClaimedJob, object]]:
        """Leases and prepares in one transaction; on an error once more with a savepoint per job, so that a job fails
        alone."""
        state.more_due, state.slots_left = True, False
        free = state.free
        if free <= 0:
            return []
        try:
            async with self.database.unit_of_work() as uow:
                return await self._claim_in(uow, state, free, state.handler.prepare)
        except TRANSIENT_ERRORS:
            raise
        except Exception:
            async with self.database.unit_of_work() as uow:
                return await self._claim_in(uow, state, free, partial(self._prepare_each_alone, state.handler))

    async def _claim_early(self, state: HandlerState, uow: UnitOfWork) -> Callable[[bool], None] | None:
        """Claims within the transaction that enqueued jobs; returns what to call at its end, see Database.

        Leaves the jobs to the loop while others are due, no slot is free or another transaction holds the row of the
        admission.
        """
        free, loop = state.free, asyncio.get_running_loop()
        if not state.claims_early():
            return None
        state.reserved += free
        uow.now = self.database.environment.clock()  # leases and rate limits count from the claim, not from the events
        channel = job_channel(state.handler.job.QUEUE)
        written = channel in uow.channels_to_notify  # then its jobs are claimed, older ones first
        jobs = [] if written else uow.take_due_jobs(state.handler.job.QUEUE)
        try:
            if written:
                claimed = await self._claim_in(uow, state, free, state.handler.prepare, skip_locked=True)
            else:
                claimed = await self._start_enqueued(uow, state, free, jobs)
            await uow.flush()
        except RowLockedError:
            uow.put_back_jobs(jobs)
            return None
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:
            state.early_claims_from = loop.time() + NO_EARLY_CLAIMS_S
            log.exception("jobs.early_claim_failed", queue=state.handler.job.QUEUE)
            raise EarlyClaimError from error
        finally:
            state.reserved -= free
        if claimed and not state.more_due and not state.slots_left:
            uow.channels_to_notify.discard(channel)
        state.reserved += len(claimed)

        def end(committed: bool) -> None:  # noqa: FBT001 -- the only argument of a callback
            state.reserved -= len(claimed)
            if committed:
                for job, task in claimed:
                    self._start_job(state, job, task)

        return end

    async def _start_enqueued(
        self, uow: UnitOfWork, state: HandlerState, free: int, jobs: Sequence[PendingJob]
    ) -> list[tuple[ClaimedJob, object]]:
        """Writes new jobs as running ones: one statement less than to write and to claim them.

        Raises RowLockedError, and EarlyClaimError if another job of a key is unfinished.
        """
        allowed = await self._admit(uow, state.handler, free, skip_locked=True)
        if isinstance(allowed, Paused) or allowed <= 0:
            uow.put_back_jobs(jobs)
            return []
        first_of_key: dict[str, PendingJob] = {}
        for pending in jobs:
            first_of_key.setdefault(pending[1].key, pending)
        starting = list(first_of_key.values())[: min(free, allowed)]
        if not state.handler.prepare_flushes:
            await uow.flush()
        lease_token = uow.new_id()
        claimed = as_claimed(starting, lease_token)
        tasks = await state.handler.prepare(claimed, uow)
        if not await insert_running(uow, starting, lease_token):
            raise EarlyClaimError
        state.more_due = state.more_due or len(starting) < len(jobs)
        started = {id_ for id_, *_ in starting}
        uow.put_back_jobs([pending for pending in jobs if pending[0] not in started])  # behind those of the same key
        return await self._without_ended(uow, state, claimed, tasks)

    async def _admit(self, uow: UnitOfWork, handler: JobHandler, free: int, *, skip_locked: bool) -> int | Paused:
        """`skip_locked`: for the admission only, since nothing is claimed before it. Raises RowLockedError then."""
        uow.skip_locked = skip_locked
        allowed = await handler.admission(free, uow) if handler.admission else free
        uow.skip_locked = False
        self._note_pause(handler, allowed)
        return allowed

    async def _claim_in(
        self,
        uow: UnitOfWork,
        state: HandlerState,
        free: int,
        prepare: Callable[[Sequence[ClaimedJob], UnitOfWork], Awaitable[Sequence[object]]],
        *,
        skip_locked: bool = False,
    ) -> list[tuple[ClaimedJob, object]]:
        """`skip_locked`: see `_admit`."""
        allowed = await self._admit(uow, state.handler, free, skip_locked=skip_locked)
        if isinstance(allowed, Paused) or allowed <= 0:
            return []
        limit = min(free, allowed)
        await uow.flush()  # the jobs that this transaction enqueued, if the admission has not written them
        claimed = await claim(uow, state.handler.job, limit)
        state.more_due = len(claimed) == limit
        jobs = await self._readable(claimed, uow)
        return await self._without_ended(uow, state, jobs, await prepare(jobs, uow) if jobs else ())

    async def _readable(self, claimed: Sequence[ClaimedJob], uow: UnitOfWork) -> list[ClaimedJob]:
        """Leaves jobs with a body that this version cannot read to an operator: they would stop the whole queue."""
        unreadable = [job for job in claimed if isinstance(job.job, UnreadableJob)]
        for job in unreadable:
            await mark_failed(uow, job, NeedsOperator(job.job.reason), consumer=self.database.service_name)
        return [job for job in claimed if job not in unreadable] if unreadable else list(claimed)

    async def _without_ended(
        self, uow: UnitOfWork, state: HandlerState, jobs: Sequence[ClaimedJob], tasks: Sequence[object]
    ) -> list[tuple[ClaimedJob, object]]:
        """Records what needs no execution; returns the other jobs with their tasks."""
        prepared = list(zip(jobs, tasks, strict=True))
        ended = [
            _without_execution(claimed, task)
            for claimed, task in prepared
            if task is None or isinstance(task, RetryLater)
        ]
        await record_results(uow, ended, self.rng)
        state.slots_left = bool(ended)
        return [(claimed, task) for claimed, task in prepared if not (task is None or isinstance(task, RetryLater))]

    def _note_pause(self, handler: JobHandler, allowed: int | Paused) -> None:
        if isinstance(allowed, Paused):
            self.paused[handler.job.QUEUE] = allowed.reason
        else:
            self.paused.pop(handler.job.QUEUE, None)

    async def _prepare_each_alone(
        self, handler: JobHandler, jobs: Sequence[ClaimedJob], uow: UnitOfWork
    ) -> Sequence[object]:
        tasks: list[object] = []
        for claimed in jobs:
            try:
                async with uow.db.transaction():
                    tasks += await handler.prepare([claimed], uow)
                    await uow.flush()
            except TRANSIENT_ERRORS:
                raise
            except Exception as error:
                uow.discard_pending()
                log.exception("jobs.prepare_failed", queue=handler.job.QUEUE, job_id=str(claimed.id))
                tasks.append(after_prepare(claimed, error))
        return tasks

    async def _run_job(self, state: HandlerState, claimed: ClaimedJob, task: object) -> None:
        outcome = await self._execute(state.handler, claimed, task)
        if await state.completion.write(claimed, outcome):
            self.done += 1
        else:
            log.warning("jobs.lease_lost", queue=state.handler.job.QUEUE, job_id=str(claimed.id))

    async def _execute(self, handler: JobHandler, claimed: ClaimedJob, task: object) -> object:
        if isinstance(task, DeadlineExceeded):
            return task
        with job_context(claimed, "execute"):
            try:
                async with asyncio.timeout(handler.timeout_s):
                    return await handler.execute(task)
            except Exception as error:
                log.exception("jobs.execute_failed", queue=handler.job.QUEUE, job_id=str(claimed.id))
                return after_execute(claimed, error)

    async def _extend_leases(self) -> None:
        await asyncio.sleep(EXTEND_LEASES_EVERY_S)
        with suppress(*TRANSIENT_ERRORS):  # the next try is soon enough: a lease lives for three of them
            if leases := dict(self._leases):
                await extend_leases(self.database, leases)

    async def _report_unhandled(self) -> None:
        """Jobs of a register that was removed from the settings, or of a newer version of this service."""
        async with self.database.unit_of_work() as uow:
            self.unhandled = await count_without_handler(uow, [handler.job.QUEUE for handler in self.handlers])
        for queue, jobs in self.unhandled.items():
            log.error("jobs.no_handler", queue=queue, jobs=jobs)
        await asyncio.sleep(FIND_UNHANDLED_EVERY_S)


def _without_execution(claimed: ClaimedJob, task: RetryLater | None) -> ClaimedResult:
    """A postponed job still has the unknown outcome that it had before."""
    if task and claimed.attempt.previous_outcome_unknown:
        return claimed, OutcomeUnknown(task.after_s, task.reason)
    return claimed, task


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
