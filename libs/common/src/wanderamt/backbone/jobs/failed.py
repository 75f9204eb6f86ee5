"""Jobs that only an operator can continue: each has a dead letter, where operators retry or discard it.

Invariants: a job becomes failed, or ends being so, in one transaction with its dead letter; while it is failed, later
jobs of its key are blocked, so that claiming stays cheap; a retried job learns that its previous outcome is unknown.
"""

from typing import Any
from uuid import UUID

from wanderamt.backbone.jobs.queue import ClaimedJob
from wanderamt.backbone.messaging.dead_letter import FailureCause, fingerprint, store_failed_job
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, job_channel
from wanderamt.kernel.decision import NeedsOperator

MIN_DEADLINE_S = 3600.0  # a retried job has at least this long, whatever its deadline was


async def mark_failed(uow: UnitOfWork, claimed: ClaimedJob, failure: NeedsOperator, *, consumer: str) -> bool:
    """False when the lease is lost. A job that does not block its key gets a key of its own."""
    row = await uow.db.fetchrow(
        """
        UPDATE job SET status = 'failed', last_error = $3, key = key || CASE WHEN $4 THEN '' ELSE ' ' || id END
        WHERE id = $1 AND lease_token = $2 AND status = 'running' RETURNING queue, key, seq
        """,
        claimed.id,
        claimed.lease_token,
        failure.reason,
        failure.blocks_key,
    )
    if row is None:
        return False
    if failure.blocks_key:
        await uow.db.execute(
            "UPDATE job SET status = 'blocked' WHERE queue = $1 AND key = $2 AND seq > $3 AND status = 'todo'",
            row["queue"],
            row["key"],
            row["seq"],
        )
    else:
        uow.channels_to_notify.add(job_channel(row["queue"]))
    cause = FailureCause(failure.reason, fingerprint(row["queue"], failure.reason))
    await store_failed_job(uow.db, consumer, claimed.id, row["queue"], cause, attempts=claimed.attempt.number)
    return True


async def retry_failed(uow: UnitOfWork, job_id: UUID, *, outcome_unknown: bool = True) -> bool:
    """Makes a failed job due again and unblocks its key. False when the job is not failed."""
    row = await uow.db.fetchrow(
        """
        UPDATE job SET status = CASE WHEN $3 THEN 'outcome_unknown' ELSE 'todo' END, run_at = $2::timestamptz,
                       deadline = greatest(deadline, $2::timestamptz + make_interval(secs => $4))
        WHERE id = $1 AND status = 'failed' RETURNING queue, key
        """,
        job_id,
        uow.now,
        outcome_unknown,
        MIN_DEADLINE_S,
    )
    return await _end_failure(uow, job_id, row)


async def discard_failed(uow: UnitOfWork, job_id: UUID) -> bool:
    """Deletes a failed job; later jobs of its key run. False when the job is not failed."""
    row = await uow.db.fetchrow("DELETE FROM job WHERE id = $1 AND status = 'failed' RETURNING queue, key", job_id)
    return await _end_failure(uow, job_id, row)


async def find_failed(uow: UnitOfWork, queue: str, field: str, value: str) -> UUID | None:
    """The failed job of a queue whose body holds `value` in `field`."""
    job_id: UUID | None = await uow.db.fetchval(
        "SELECT id FROM job WHERE queue = $1 AND status = 'failed' AND body ->> $2 = $3", queue, field, value
    )
    return job_id


async def _end_failure(uow: UnitOfWork, job_id: UUID, row: Any) -> bool:
    await uow.db.execute("DELETE FROM dead_letter WHERE job_id = $1", job_id)
    if not row:
        return False
    await uow.db.execute(
        "UPDATE job SET status = 'todo' WHERE queue = $1 AND key = $2 AND status = 'blocked'", row["queue"], row["key"]
    )
    uow.channels_to_notify.add(job_channel(row["queue"]))
    return True
