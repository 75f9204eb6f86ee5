"""Many quick jobs at a time: prepared in one transaction per batch, completed in one transaction per batch.

Invariants: all of `runner`. An outcome whose lease is lost is left out before anything of it is written; when a batch
cannot be completed, each of its jobs is completed alone, so that it fails alone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from wanderamt.backbone.jobs.failed import mark_failed
from wanderamt.backbone.jobs.queue import LeasedJob, complete_many, jittered, reschedule_many, still_leased
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, Job, NeedsOperator, OutcomeUnknown, Paused, RetryLater

log = structlog.get_logger()


class ClaimedJob(NamedTuple):
    """A leased job, to be prepared. `expired`: its deadline has passed."""

    job: Any
    attempt: Attempt
    expired: bool
    trace_context: dict[str, str]


class CompletedJob(NamedTuple):
    """An executed job. `trace_context`: for what the handler emits for it, see UnitOfWork.message_trace."""

    job: Any
    outcome: Any
    trace_context: dict[str, str]


@dataclass(frozen=True, slots=True)
class BatchJobHandler:
    """How to run one kind of job, many at a time. `admission` and `execute` are those of a JobHandler.

    prepare:  (claimed jobs, uow) → for each job, in the same order, the result of JobHandler.prepare. It also decides
              about expired jobs.
    complete: (completed jobs, uow) → for each job, in the same order, the result of JobHandler.complete. It is also
              called for an outcome RetryLater or OutcomeUnknown, and decides what becomes of the job.
    """

    job: type[Job]
    prepare: Callable[[Sequence[ClaimedJob], UnitOfWork], Awaitable[Sequence[object]]]
    execute: Callable[[Any], Awaitable[object]]
    complete: Callable[
        [Sequence[CompletedJob], UnitOfWork], Awaitable[Sequence[RetryLater | OutcomeUnknown | NeedsOperator | None]]
    ]
    concurrency: int = 200
    timeout_s: float = 30.0
    admission: Callable[[int, UnitOfWork], Awaitable[int | Paused]] | None = None
    batch_size: int = 250


@dataclass
class CompletionWriter:
    """Writes outcomes in batches: outcomes that arrive during one transaction go with the next one."""

    database: Database
    handler: BatchJobHandler
    rng: random.Random
    _pending: list[tuple[LeasedJob, object, asyncio.Future[bool]]] = field(default_factory=list)
    _added: asyncio.Event = field(default_factory=asyncio.Event)

    async def add(self, leased: LeasedJob, outcome: object) -> bool:
        """Returns when the outcome is committed; False when the lease is lost."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((leased, outcome, written))
        self._added.set()
        return await written

    async def run(self) -> None:
        """Writes one batch."""
        await self._added.wait()
        batch, self._pending = self._pending[: self.handler.batch_size], self._pending[self.handler.batch_size :]
        if not self._pending:
            self._added.clear()
        try:
            held = await self._write_with_retries([(leased, outcome) for leased, outcome, _ in batch])
        except BaseException:
            for *_, written in batch:
                written.cancel()  # its lease ends, and the next attempt learns that the outcome is unknown
            raise
        for leased, _, written in batch:
            if not written.done():
                written.set_result(leased.id in held)

    async def _write_with_retries(self, batch: list[tuple[LeasedJob, object]]) -> set[UUID]:
        while True:
            try:
                return await self._write(batch)
            except TRANSIENT_ERRORS as error:
                log.warning("jobs.complete_retrying", queue=self.handler.job.QUEUE, error=type(error).__name__)
                await asyncio.sleep(0.5)
            except Exception as error:
                if len(batch) == 1:
                    return await self._mark_failed(batch[0][0], error)
                held = set()
                for entry in batch:
                    held |= await self._write_with_retries([entry])
                return held

    async def _write(self, batch: list[tuple[LeasedJob, object]]) -> set[UUID]:
        async with self.database.unit_of_work() as uow:
            held = await still_leased(uow, [leased for leased, _ in batch])
            ours = [(leased, outcome) for leased, outcome in batch if leased.id in held]
            if ours:
                completed = [CompletedJob(leased.job, outcome, leased.trace_context) for leased, outcome in ours]
                results = await self.handler.complete(completed, uow)
                uow.message_trace = None
                await self._apply_results(
                    [(leased, result) for (leased, _), result in zip(ours, results, strict=True)], uow
                )
            return held

    async def _apply_results(
        self, results: list[tuple[LeasedJob, RetryLater | OutcomeUnknown | NeedsOperator | None]], uow: UnitOfWork
    ) -> None:
        retries = [
            (leased, result, jittered(result.after_s, self.rng))
            for leased, result in results
            if isinstance(result, RetryLater | OutcomeUnknown)
        ]
        await reschedule_many(uow, retries)
        await complete_many(uow, [leased for leased, result in results if result is None])
        for leased, result in results:
            if isinstance(result, NeedsOperator):
                await mark_failed(
                    uow, leased, result.reason, consumer=self.database.service_name, blocks_key=result.blocks_key
                )

    async def _mark_failed(self, leased: LeasedJob, error: Exception) -> set[UUID]:
        log.error("jobs.complete_failed", queue=self.handler.job.QUEUE, job_id=str(leased.id), exc_info=error)
        async with self.database.unit_of_work() as uow:
            reason = f"{type(error).__name__} in complete"
            marked = await mark_failed(uow, leased, reason, consumer=self.database.service_name)
        return {leased.id} if marked else set()
