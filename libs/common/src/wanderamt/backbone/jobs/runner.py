"""Runs slow work as durable jobs with keys, in three steps: prepare, execute, complete.

Invariants: only the oldest job of a key runs; the lease is committed before the execution, so a crash leaves a trace;
no transaction is open while a job executes; an outcome counts only under the lease it was produced with. After a crash
or a timeout the outcome of an attempt is unknown: the next attempt learns that and never repeats it blindly. A pause
leases nothing and uses up no attempt. A job whose deadline has passed goes to `complete` as DeadlineExceeded. A job
that `complete` cannot handle stays as failed and blocks its key.
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

from wanderamt.backbone.jobs.batch_handler import BatchJobHandler, ClaimedJob, CompletionWriter
from wanderamt.backbone.jobs.failed import mark_failed
from wanderamt.backbone.jobs.queue import (
    LeasedJob,
    backoff,
    complete,
    complete_many,
    extend_leases,
    jittered,
    lease_next,
    reschedule,
    reschedule_many,
)
from wanderamt.backbone.observability.tracing import is_sampled, span_in_context
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import JOB_CHANNEL, UnitOfWork
from wanderamt.backbone.supervision import run_forever, wait_for_signal
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, Job, NeedsOperator, OutcomeUnknown, Paused, RetryLater

EXTEND_LEASES_EVERY_S = 2.0
POLL_S = 1.0
DRAIN_S = 15.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobHandler:
    """How to run one kind of job.

    admission: (free slots, uow) → how many jobs may be leased now, or Paused. Without it: as many as are free.
    prepare:   (job, attempt, uow) → the task for `execute`; RetryLater to postpone it; None when nothing is left to do.
    execute:   task → outcome, outside any transaction, within `timeout_s` seconds. RetryLater: it certainly had no
               effect. OutcomeUnknown, an exception or a timeout: nobody knows, and the next attempt has
               `previous_outcome_unknown`.
    complete:  (job, outcome, uow) → None when done; RetryLater or OutcomeUnknown, as if `execute` had returned it;
               NeedsOperator when only a person can continue. The outcome is DeadlineExceeded after the deadline.
    """

    job: type[Job]
    prepare: Callable[[Any, Attempt, UnitOfWork], Awaitable[object]]
    execute: Callable[[Any], Awaitable[object]]
    complete: Callable[[Any, Any, UnitOfWork], Awaitable[RetryLater | OutcomeUnknown | NeedsOperator | None]]
    concurrency: int = 8
    timeout_s: float = 30.0
    admission: Callable[[int, UnitOfWork], Awaitable[int | Paused]] | None = None


class JobLeaseLostError(Exception):
    """This process did not extend its lease in time: another process writes the outcome."""


@dataclass
class JobRunner:
    """Runs the job handlers of one service. Any number of processes may run: leases keep them apart.

    `paused`: queue → why it leases nothing at the moment; that is no health problem of this service.
    """

    database: Database
    handlers: Sequence[JobHandler | BatchJobHandler]
    health_problem: str = "not started"
    paused: dict[str, str] = field(default_factory=dict)
    done: int = 0
    rng: random.Random = field(default_factory=random.Random)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _support_tasks: list[asyncio.Task[None]] = field(default_factory=list)  # needed until the running jobs have ended
    _running: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _leases: dict[UUID, UUID] = field(default_factory=dict)
    _more_due: dict[str, bool] = field(default_factory=dict)  # by queue: the last lease may have left due jobs
    _slots_left: dict[str, bool] = field(default_factory=dict)  # by queue: some leased jobs needed no execution
    _completion_writers: dict[str, CompletionWriter] = field(default_factory=dict)

    async def start(self) -> None:
        for handler in self.handlers:
            name = f"jobs-{handler.job.QUEUE}"
            run = partial(self._run_handler, handler)
            self._tasks.append(asyncio.create_task(run_forever(name, run, self._report_problem), name=name))
            if isinstance(handler, BatchJobHandler):
                writer = self._completion_writers[handler.job.QUEUE] = CompletionWriter(
                    self.database, handler, self.rng
                )
                self._support_tasks.append(
                    asyncio.create_task(run_forever(f"{name}-complete", writer.run, self._report_problem))
                )
        self._support_tasks.append(
            asyncio.create_task(
                run_forever("jobs-leases", self._extend_leases, self._report_problem), name="jobs-leases"
            )
        )

    async def stop(self) -> None:
        """Leases nothing more, lets running jobs end within DRAIN_S seconds, then leaves the rest to their leases."""
        await _cancel(self._tasks)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        await _cancel([*self._running.values(), *self._support_tasks])

    async def _run_handler(self, handler: JobHandler | BatchJobHandler) -> None:
        async with self.database.listen(JOB_CHANNEL) as (_, signal):
            self.health_problem = ""
            await self._claim_forever(handler, signal)

    def _report_problem(self, problem: str) -> None:
        self.health_problem = problem

    async def _claim_forever(self, handler: JobHandler | BatchJobHandler, signal: asyncio.Event) -> None:
        running: set[asyncio.Task[None]] = set()
        while True:
            signal.clear()
            for leased, task in await self._claim(handler, handler.concurrency - len(running)):
                execution = asyncio.create_task(self._run_job(handler, leased, task), name=f"job-{leased.id}")
                self._running[leased.id], self._leases[leased.id] = execution, leased.lease_token
                running.add(execution)
                execution.add_done_callback(running.discard)
                execution.add_done_callback(partial(self._on_job_end, handler, leased.id, signal))
            if self._more_due[handler.job.QUEUE] and self._slots_left.pop(handler.job.QUEUE, False):
                continue  # jobs that needed no execution left slots for others
            await wait_for_signal(signal, POLL_S)

    async def _claim(self, handler: JobHandler | BatchJobHandler, free: int) -> list[tuple[LeasedJob, object]]:
        """Leases and prepares in one transaction; on an error once more with a savepoint per job, so that a job fails
        alone."""
        self._more_due[handler.job.QUEUE] = True
        if free <= 0:
            return []
        try:
            return await self._claim_all(handler, free, self._prepare)
        except TRANSIENT_ERRORS:
            raise
        except Exception:
            return await self._claim_all(handler, free, self._prepare_each_alone)

    async def _claim_all(
        self,
        handler: JobHandler | BatchJobHandler,
        free: int,
        prepare: Callable[[JobHandler | BatchJobHandler, list[LeasedJob], UnitOfWork], Awaitable[Sequence[object]]],
    ) -> list[tuple[LeasedJob, object]]:
        async with self.database.unit_of_work() as uow:
            allowed = await handler.admission(free, uow) if handler.admission else free
            self._note_pause(handler, allowed)
            if isinstance(allowed, Paused) or allowed <= 0:
                return []
            limit = min(free, allowed)
            leased_jobs = await lease_next(uow, handler.job, limit)
            self._more_due[handler.job.QUEUE] = len(leased_jobs) == limit
            prepared = list(zip(leased_jobs, await prepare(handler, leased_jobs, uow), strict=True))
            postponed = [
                (leased, task, jittered(task.after_s, self.rng))
                for leased, task in prepared
                if isinstance(task, RetryLater)
            ]
            await reschedule_many(uow, postponed)
            await complete_many(uow, [leased for leased, task in prepared if task is None])
            ready = [
                (leased, task) for leased, task in prepared if task is not None and not isinstance(task, RetryLater)
            ]
            self._slots_left[handler.job.QUEUE] = len(ready) < len(leased_jobs)
            return ready

    def _note_pause(self, handler: JobHandler | BatchJobHandler, allowed: int | Paused) -> None:
        if isinstance(allowed, Paused):
            self.paused[handler.job.QUEUE] = allowed.reason
        else:
            self.paused.pop(handler.job.QUEUE, None)

    async def _prepare(
        self, handler: JobHandler | BatchJobHandler, leased_jobs: Sequence[LeasedJob], uow: UnitOfWork
    ) -> Sequence[object]:
        if not isinstance(handler, BatchJobHandler):
            return [await self._prepare_one(handler, leased, uow) for leased in leased_jobs]
        claimed = [
            ClaimedJob(leased.job, leased.attempt, leased.expired, leased.trace_context) for leased in leased_jobs
        ]
        tasks = await handler.prepare(claimed, uow) if claimed else ()
        uow.message_trace = None
        return tasks

    async def _prepare_one(self, handler: JobHandler, leased: LeasedJob, uow: UnitOfWork) -> object:
        with _span(leased, "prepare", uow):
            return (
                DeadlineExceeded(leased.last_error)
                if leased.expired
                else await handler.prepare(leased.job, leased.attempt, uow)
            )

    async def _prepare_each_alone(
        self, handler: JobHandler | BatchJobHandler, leased_jobs: Sequence[LeasedJob], uow: UnitOfWork
    ) -> Sequence[object]:
        tasks: list[object] = []
        for leased in leased_jobs:
            try:
                async with uow.db.transaction():
                    tasks += await self._prepare(handler, [leased], uow)
                    await uow.flush()
            except TRANSIENT_ERRORS:
                raise
            except Exception as error:
                uow.discard_pending()
                log.exception("jobs.prepare_failed", queue=handler.job.QUEUE, job_id=str(leased.id))
                tasks.append(RetryLater(backoff(leased.attempt), f"{type(error).__name__} in prepare"))
        return tasks

    async def _run_job(self, handler: JobHandler | BatchJobHandler, leased: LeasedJob, task: object) -> None:
        with _span(leased, "execute"):
            outcome = await self._execute(handler, leased, task)
        await self._complete(handler, leased, outcome)

    async def _execute(self, handler: JobHandler | BatchJobHandler, leased: LeasedJob, task: object) -> object:
        if isinstance(task, DeadlineExceeded):
            return task
        try:
            async with asyncio.timeout(handler.timeout_s):
                return await handler.execute(task)
        except Exception as error:
            log.exception("jobs.execute_failed", queue=handler.job.QUEUE, job_id=str(leased.id))
            return OutcomeUnknown(backoff(leased.attempt), f"{type(error).__name__} in execute")

    async def _complete(self, handler: JobHandler | BatchJobHandler, leased: LeasedJob, outcome: object) -> None:
        if isinstance(handler, BatchJobHandler):
            if await self._completion_writers[handler.job.QUEUE].add(leased, outcome):
                self.done += 1
            else:
                log.warning("jobs.lease_lost", job_id=str(leased.id))
            return
        while True:
            try:
                async with self.database.unit_of_work() as uow:
                    await self._complete_once(handler, leased, outcome, uow)
                self.done += 1
                return
            except JobLeaseLostError:
                log.warning("jobs.lease_lost", job_id=str(leased.id))
                return
            except TRANSIENT_ERRORS as error:
                log.warning("jobs.complete_retrying", job_id=str(leased.id), error=type(error).__name__)
                await asyncio.sleep(0.5)
            except Exception as error:
                log.exception("jobs.complete_failed", queue=handler.job.QUEUE, job_id=str(leased.id))
                async with self.database.unit_of_work() as uow:
                    await self._mark_failed(leased, f"{type(error).__name__} in complete", uow)
                return

    async def _complete_once(self, handler: JobHandler, leased: LeasedJob, outcome: object, uow: UnitOfWork) -> None:
        """Raises JobLeaseLostError, which rolls everything back, when another process has leased the job since."""
        with _span(leased, "complete", uow):
            unfinished = isinstance(outcome, RetryLater | OutcomeUnknown)
            result = outcome if unfinished else await handler.complete(leased.job, outcome, uow)
        match result:
            case RetryLater() | OutcomeUnknown():
                held = await self._reschedule(leased, result, uow)
            case NeedsOperator(reason, blocks_key):
                held = await self._mark_failed(leased, reason, uow, blocks_key=blocks_key)
            case _:
                held = await complete(uow, leased)
        if not held:
            raise JobLeaseLostError

    async def _mark_failed(self, leased: LeasedJob, reason: str, uow: UnitOfWork, *, blocks_key: bool = True) -> bool:
        return await mark_failed(uow, leased, reason, consumer=self.database.service_name, blocks_key=blocks_key)

    async def _reschedule(self, leased: LeasedJob, result: RetryLater | OutcomeUnknown, uow: UnitOfWork) -> bool:
        return await reschedule(uow, leased, result, after_s=jittered(result.after_s, self.rng))

    def _on_job_end(
        self, handler: JobHandler | BatchJobHandler, job_id: UUID, signal: asyncio.Event, _: asyncio.Task[None]
    ) -> None:
        self._running.pop(job_id, None)
        self._leases.pop(job_id, None)
        if self._more_due[handler.job.QUEUE]:
            signal.set()

    async def _extend_leases(self) -> None:
        await asyncio.sleep(EXTEND_LEASES_EVERY_S)
        with suppress(*TRANSIENT_ERRORS):  # the next try is soon enough: a lease lives for three of them
            if leases := dict(self._leases):
                async with self.database.unit_of_work() as uow:
                    await extend_leases(uow, leases)


def _span(leased: LeasedJob, step: str, uow: UnitOfWork | None = None) -> Any:
    sampled = is_sampled(leased.trace_context)
    if uow:
        uow.message_trace = None if sampled else leased.trace_context
    if not sampled:
        return nullcontext()
    attributes = {"job.id": str(leased.id), "job.attempt": leased.attempt.number}
    return span_in_context(leased.trace_context, f"{leased.job.QUEUE} {step}", attributes=attributes)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
