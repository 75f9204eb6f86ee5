"""Jobs that only an operator can continue: each has a dead letter, where operators retry or discard it.

Invariants: a job becomes failed, or ends being so, in one transaction with its dead letter; while it is failed, later
jobs of its key are marked as blocked, so that leasing stays cheap; a retried job learns that its previous outcome is
unknown.
"""

import json
from typing import Any
from uuid import UUID

from wanderamt.backbone.jobs.queue import LeasedJob
from wanderamt.backbone.messaging.dead_letter import (
    DeadLetterState,
    FailureCause,
    RawRecord,
    fingerprint,
    store_dead_letter,
)
from wanderamt.backbone.persistence.unit_of_work import JOB_CHANNEL, UnitOfWork

JOB_TOPIC_PREFIX = "job "  # then the queue: no Kafka topic has a space
MIN_DEADLINE_S = 3600.0  # a retried job has at least this long, whatever its deadline was


async def mark_failed(
    uow: UnitOfWork, leased: LeasedJob, reason: str, *, consumer: str, blocks_key: bool = True
) -> bool:
    """False when the lease is lost. A job that does not block its key gets a key of its own."""
    job = leased.job
    seq = await uow.db.fetchval(
        """
        UPDATE job SET failed = true, last_error = $3, lease_token = NULL,
                       key = key || CASE WHEN $4 THEN '' ELSE ' ' || id END
        WHERE id = $1 AND lease_token = $2 RETURNING seq
        """,
        leased.id,
        leased.lease_token,
        reason,
        blocks_key,
    )
    if seq is None:
        return False
    if blocks_key:
        await uow.db.execute(
            "UPDATE job SET blocked = true WHERE queue = $1 AND key = $2 AND seq > $3 AND NOT blocked",
            job.QUEUE,
            job.key,
            seq,
        )
    else:
        uow.channels_to_notify.add(JOB_CHANNEL)
    body = json.dumps(job.model_dump(mode="json")).encode()
    await store_dead_letter(
        uow.db,
        consumer,
        RawRecord(JOB_TOPIC_PREFIX + job.QUEUE, 0, seq, job.key.encode(), body, ()),
        aggregate=leased.id,
        type_=job.QUEUE,
        state=DeadLetterState.FAILED,
        cause=FailureCause(reason, fingerprint(job.QUEUE, reason)),
    )
    return True


def is_job_topic(topic: str) -> bool:
    return topic.startswith(JOB_TOPIC_PREFIX)


async def retry_failed(uow: UnitOfWork, job_id: UUID, *, outcome_unknown: bool = True) -> bool:
    """Makes a failed job due again and unblocks its key. False when the job is not failed."""
    row = await uow.db.fetchrow(
        """
        UPDATE job SET failed = false, run_at = $2::timestamptz, outcome_unknown = $3,
                       deadline = greatest(deadline, $2::timestamptz + make_interval(secs => $4))
        WHERE id = $1 AND failed RETURNING queue, key
        """,
        job_id,
        uow.now,
        outcome_unknown,
        MIN_DEADLINE_S,
    )
    return await _unblock_key(uow, row)


async def discard_failed(uow: UnitOfWork, job_id: UUID) -> bool:
    """Deletes a failed job; later jobs of its key run. False when the job is not failed."""
    row = await uow.db.fetchrow("DELETE FROM job WHERE id = $1 AND failed RETURNING queue, key", job_id)
    return await _unblock_key(uow, row)


async def find_failed(uow: UnitOfWork, queue: str, field: str, value: str) -> UUID | None:
    """The failed job of a queue whose body holds `value` in `field`."""
    job_id: UUID | None = await uow.db.fetchval(
        "SELECT id FROM job WHERE queue = $1 AND failed AND body ->> $2 = $3", queue, field, value
    )
    return job_id


async def remove_dead_letter(uow: UnitOfWork, consumer: str, job_id: UUID) -> None:
    await uow.db.execute("DELETE FROM dead_letter WHERE consumer = $1 AND aggregate = $2", consumer, job_id)


async def _unblock_key(uow: UnitOfWork, row: Any) -> bool:
    if not row:
        return False
    await uow.db.execute(
        "UPDATE job SET blocked = false WHERE queue = $1 AND key = $2 AND blocked", row["queue"], row["key"]
    )
    uow.channels_to_notify.add(JOB_CHANNEL)
    return True
