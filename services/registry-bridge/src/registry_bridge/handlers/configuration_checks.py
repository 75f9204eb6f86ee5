"""Checks whether a bridge can carry out a request by now that none could.

Invariants: a request that waits for such a check has one job, failed while the fault lasts, so that it is listed with
the dead letters; it is checked again at each start of the service and when an operator asks for it; after its deadline
it is answered `unavailable`, as every other request.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from wanderamt.backbone.jobs.failed import retry_failed
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, NeedsOperator
from wanderamt.kernel.ids import RequestId
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.request import (
    CheckConfiguration,
    RegisterRequest,
    RequestAnswer,
    call_jobs,
    expire_request,
    is_misconfigured,
    requeue,
)
from registry_bridge.handlers.availability import Manifests
from registry_bridge.handlers.requests import record_answer, start_exchange
from registry_bridge.store import request_statements, requests


async def prepare_check(
    job: CheckConfiguration, attempt: Attempt, uow: UnitOfWork
) -> RegisterRequest | DeadlineExceeded | None:
    request = await request_statements.find_request(uow, RequestId(job.request_id))
    if not request or not is_misconfigured(request):
        return None
    return DeadlineExceeded(request.code) if job.deadline <= uow.now else request


async def complete_check(
    job: CheckConfiguration,
    fault: str | DeadlineExceeded,
    uow: UnitOfWork,
    *,
    manifests: Manifests,
    cipher: FieldCipher,
) -> NeedsOperator | None:
    """`fault`: a code; empty if a bridge can carry out the request."""
    request = await request_statements.find_request(uow, RequestId(job.request_id), lock=True)
    if not request or not is_misconfigured(request):
        return None
    if isinstance(fault, DeadlineExceeded):
        answer = expire_request(request, None, request.code)
        assert isinstance(answer, RequestAnswer)  # noqa: S101 -- nothing was sent, so nothing is uncertain
        await record_answer(request, answer, uow, cipher=cipher, manifest=None)
        return None
    if not fault:
        await _queue_again(request, uow, manifests=manifests)
        return None
    uow.write_later(request_statements.request_update(replace(request, code=fault)))
    return NeedsOperator(fault, blocks_key=False)


@dataclass
class RepeatedChecks:
    """A periodic task. It repeats what failed before this process started, because the process may have another
    configuration, and ends what is past its deadline."""

    started_at: datetime | None = None

    async def __call__(self, uow: UnitOfWork) -> int:
        """How many; call again until 0."""
        self.started_at = self.started_at or uow.now
        job_ids = await requests.find_checks_to_repeat(uow, CheckConfiguration.QUEUE, started_at=self.started_at)
        for job_id in job_ids:
            await retry_failed(uow, job_id, outcome_unknown=False)
        return len(job_ids)


async def _queue_again(request: RegisterRequest, uow: UnitOfWork, *, manifests: Manifests) -> None:
    waiting = requeue(request)
    uow.write_later(request_statements.request_update(waiting))
    if jobs := call_jobs(waiting, manifests[request.register]):
        uow.enqueue(*jobs)
        return
    await request_statements.lock_register(uow, request.register)
    await requests.leave_file(uow, request.id)
    await start_exchange(request.register, uow)
