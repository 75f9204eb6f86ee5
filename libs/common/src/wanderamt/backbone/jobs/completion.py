"""Writes the outcomes of executed jobs, in batches: outcomes that arrive during one transaction go with the next one.

Invariants: an outcome and everything that `complete` writes for it commit together, and only under the lease with which
the outcome was produced: a batch with a lost lease is rolled back and written again without it. When a batch cannot be
completed, each of its jobs is completed alone, so that it fails alone.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import structlog

from wanderamt.backbone.jobs.failed import mark_failed
from wanderamt.backbone.jobs.handler import CompletedJob, JobHandler, JobResult
from wanderamt.backbone.jobs.queue import ClaimedJob, record_results
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import NeedsOperator

RETRY_S = 0.5

log = structlog.get_logger()


class JobLeaseLostError(Exception):
    """This process did not extend some leases in time: another process writes those outcomes."""

    def __init__(self, held: set[UUID]) -> None:
        super().__init__("leases are lost")
        self.held = held


class PendingOutcome(NamedTuple):
    completed: CompletedJob
    written: asyncio.Future[bool]


@dataclass
class CompletionWriter:
    """Of one job handler. As many batches are written side by side as its concurrency can fill."""

    database: Database
    handler: JobHandler
    rng: random.Random
    _pending: list[PendingOutcome] = field(default_factory=list)
    _writing: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def write(self, claimed: ClaimedJob, outcome: object) -> bool:
        """Returns when the outcome is committed; False when the lease is lost."""
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append(PendingOutcome(CompletedJob(claimed, outcome), written))
        if self._writing < max(1, self.handler.concurrency // self.handler.batch_size):
            self._writing += 1
            task = asyncio.create_task(self._write_pending(), name=f"jobs-{self.handler.job.QUEUE}-complete")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await written

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _write_pending(self) -> None:
        try:
            while self._pending:
                batch = self._pending[: self.handler.batch_size]
                del self._pending[: self.handler.batch_size]
                await self._write(batch)
        finally:
            self._writing -= 1

    async def _write(self, batch: Sequence[PendingOutcome]) -> None:
        try:
            held = await self._complete([entry.completed for entry in batch])
        except BaseException:
            for entry in batch:
                entry.written.cancel()  # its lease ends, and the next attempt learns that the outcome is unknown
            raise
        for entry in batch:
            if not entry.written.done():
                entry.written.set_result(entry.completed.claimed.id in held)

    async def _complete(self, batch: Sequence[CompletedJob]) -> set[UUID]:
        """The ids of the jobs whose outcomes are committed."""
        results: list[JobResult] | None = None
        while batch:
            try:
                return await self._complete_once(batch, results)
            except JobLeaseLostError as lost:
                batch = [entry for entry in batch if entry.claimed.id in lost.held]
            except TRANSIENT_ERRORS as error:
                log.warning("jobs.complete_retrying", queue=self.handler.job.QUEUE, error=type(error).__name__)
                await asyncio.sleep(RETRY_S)
            except Exception as error:
                if results:
                    raise
                if len(batch) > 1:
                    return set().union(*[await self._complete([entry]) for entry in batch])
                job_id = str(batch[0].claimed.id)
                log.exception("jobs.complete_failed", queue=self.handler.job.QUEUE, job_id=job_id)
                results = [NeedsOperator(f"{type(error).__name__} in complete")]
        return set()

    async def _complete_once(self, batch: Sequence[CompletedJob], results: Sequence[JobResult] | None) -> set[UUID]:
        """`results`: instead of those of the handler. Raises JobLeaseLostError, which rolls everything back."""
        async with self.database.unit_of_work() as uow:
            if results is None:
                results = await self.handler.complete(batch, uow)
            held = await self._record(batch, results, uow)
            if len(held) < len(batch):
                raise JobLeaseLostError(held)
        return held

    async def _record(self, batch: Sequence[CompletedJob], results: Sequence[JobResult], uow: UnitOfWork) -> set[UUID]:
        ended = [(entry.claimed, result) for entry, result in zip(batch, results, strict=True)]
        held = await record_results(
            uow, [(claimed, result) for claimed, result in ended if not isinstance(result, NeedsOperator)], self.rng
        )
        for claimed, result in ended:
            if isinstance(result, NeedsOperator) and await mark_failed(
                uow, claimed, result, consumer=self.database.service_name
            ):
                held.add(claimed.id)
        return held
