"""What a service writes for one kind of job. There is one model: a handler takes many jobs, a single one is a batch of
one.

`prepare_each` and `complete_each` make such functions of functions that take one job.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.observability.messaging_spans import job_span
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.start_error import CannotStartError
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, Job, NeedsOperator, OutcomeUnknown, Paused, RetryLater

JobResult: TypeAlias = RetryLater | OutcomeUnknown | NeedsOperator | None
"""What becomes of a job: another attempt, a person, or None when it is done."""


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """An executed job. What `complete` emits for it belongs within `tracing.message_context(trace_context)`."""

    claimed: ClaimedJob
    outcome: Any

    @property
    def job(self) -> Any:
        return self.claimed.job

    @property
    def trace_context(self) -> dict[str, str]:
        return self.claimed.trace_context


class InvalidJobHandlerError(CannotStartError):
    """A job handler is declared in a way that cannot work."""


@dataclass(frozen=True, slots=True)
class JobHandler:
    """How to run one kind of job.

    admission: (free slots, uow) → how many jobs may be claimed now, or Paused. Without it: as many as are free.
    prepare:   (claimed jobs, uow) → for each job, in the same order, the task for `execute`; RetryLater to postpone it;
               DeadlineExceeded to complete it without execution; None when nothing is left to do.
    execute:   task → outcome, outside any transaction, within `timeout_s` seconds. RetryLater: it certainly had no
               effect. OutcomeUnknown, an exception or a timeout: nobody knows, and the next attempt has
               `previous_outcome_unknown`.
    complete:  (completed jobs, uow) → for each job, in the same order, what becomes of it. It gets each outcome, also
               RetryLater, OutcomeUnknown and DeadlineExceeded.

    `batch_size`: how many jobs `complete` takes in one transaction. With 1, jobs are completed side by side.
    `prepare_flushes`: `prepare` calls `uow.flush()` itself before it reads what the transaction may have written, so
    that it costs no round trip where nothing is read.

    Raises InvalidJobHandlerError for one that cannot work.
    """

    job: type[Job]
    prepare: Callable[[Sequence[ClaimedJob], UnitOfWork], Awaitable[Sequence[object]]]
    execute: Callable[[Any], Awaitable[object]]
    complete: Callable[[Sequence[CompletedJob], UnitOfWork], Awaitable[Sequence[JobResult]]]
    concurrency: int = 8
    timeout_s: float = 30.0
    admission: Callable[[int, UnitOfWork], Awaitable[int | Paused]] | None = None
    batch_size: int = 1
    prepare_flushes: bool = False

    def __post_init__(self) -> None:
        if fault := next(_faults(self), ""):
            raise InvalidJobHandlerError(f"job handler of {self.job.__name__}: {fault}")


def prepare_each(
    prepare: Callable[[Any, Attempt, UnitOfWork], Awaitable[object]],
) -> Callable[[Sequence[ClaimedJob], UnitOfWork], Awaitable[list[object]]]:
    """`prepare`: (job, attempt, uow) → as JobHandler.prepare for this job. It sees no job whose deadline has passed."""

    async def prepare_all(jobs: Sequence[ClaimedJob], uow: UnitOfWork) -> list[object]:
        tasks: list[object] = []
        for claimed in jobs:
            with job_context(claimed, "prepare"):
                expired = DeadlineExceeded(claimed.last_error) if claimed.expired else None
                tasks.append(expired or await prepare(claimed.job, claimed.attempt, uow))
        return tasks

    return prepare_all


def complete_each(
    complete: Callable[[Any, Any, UnitOfWork], Awaitable[JobResult]],
) -> Callable[[Sequence[CompletedJob], UnitOfWork], Awaitable[list[JobResult]]]:
    """`complete`: (job, outcome, uow) → as JobHandler.complete for it. RetryLater and OutcomeUnknown pass by it."""

    async def complete_all(jobs: Sequence[CompletedJob], uow: UnitOfWork) -> list[JobResult]:
        results: list[JobResult] = []
        for completed in jobs:
            outcome = completed.outcome
            with job_context(completed.claimed, "complete"):
                unfinished = isinstance(outcome, RetryLater | OutcomeUnknown)
                results.append(outcome if unfinished else await complete(completed.job, outcome, uow))
        return results

    return complete_all


def job_context(claimed: ClaimedJob, step: str) -> AbstractContextManager[object]:
    """What happens inside belongs to the trace of the job, with a span of its own if the trace is recorded."""
    queue, attempt = claimed.job.QUEUE, claimed.attempt.number
    return job_span(claimed.trace_context, step, queue=queue, job_id=claimed.id, attempt=attempt)


def _faults(handler: JobHandler) -> Iterator[str]:
    job = handler.job
    if not getattr(job, "QUEUE", ""):
        yield "the job has no QUEUE, the name under which its handlers find it"
    key = getattr(job, "KEY", "")
    if key not in job.model_fields and not isinstance(getattr(job, key, None), property):
        yield f"KEY must name a field of the job, not {key!r}; jobs with an equal one run one after the other"
    if getattr(job, "DEADLINE_S", 0) <= 0:
        yield "the job has no DEADLINE_S, the seconds after which nobody needs it any more"
    for name in ("prepare", "execute", "complete"):
        function = getattr(handler, name)
        if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)):
            yield f"{name} would block all other work: declare it with `async def`"
    for name in ("prepare", "complete"):
        try:
            inspect.signature(getattr(handler, name)).bind((), None)
        except TypeError:
            yield f"{name} must take (jobs, uow); {name}_each makes it of a function that takes one job"
