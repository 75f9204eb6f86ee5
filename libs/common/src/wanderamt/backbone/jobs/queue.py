"""SQL for the table `job`: lease, reschedule, complete. Each statement checks that the lease is still held."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import JOB_CHANNEL, UnitOfWork
from wanderamt.kernel.decision import Attempt, Job, OutcomeUnknown, RetryLater

LEASE_S = 6.0
BACKOFF_S = (1.0, 5.0, 15.0, 60.0, 300.0)
JITTER = 0.2  # of each delay


@dataclass(frozen=True, slots=True)
class LeasedJob:
    """A job this process holds. `expired`: its deadline has passed."""

    id: UUID
    lease_token: UUID
    job: Job
    attempt: Attempt
    trace_context: dict[str, str]
    last_error: str
    expired: bool


def jittered(after_s: float, rng: random.Random) -> float:
    """Spreads delays, so that many jobs that failed together do not return together."""
    return after_s * (1 + JITTER * rng.uniform(-1, 1))


def backoff(attempt: Attempt) -> float:
    """Seconds to wait after this attempt."""
    return BACKOFF_S[min(attempt.number - 1, len(BACKOFF_S) - 1)]


async def lease_next(uow: UnitOfWork, job_type: type[Job], limit: int) -> list[LeasedJob]:
    """Leases the oldest due job of each key, all with one new token; skips jobs that another process is leasing."""
    lease_token = uow.new_id()
    rows = await uow.db.fetch(
        """
        WITH head AS (
            SELECT id, outcome_unknown OR lease_token IS NOT NULL AS interrupted FROM job j
            WHERE queue = $1 AND NOT failed AND NOT blocked AND run_at <= $2
              AND (lease_token IS NULL OR lease_expires_at < $2)
              AND NOT EXISTS (SELECT 1 FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq)
            ORDER BY run_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE job SET lease_token = $4, lease_expires_at = $2 + make_interval(secs => $5), attempts = attempts + 1,
                       outcome_unknown = false
        FROM head WHERE job.id = head.id
        RETURNING job.id, body, trace_context, attempts, interrupted, last_error, deadline <= $2 AS expired
        """,
        job_type.QUEUE,
        uow.now,
        limit,
        lease_token,
        LEASE_S,
    )
    return [
        LeasedJob(
            id=row["id"],
            lease_token=lease_token,
            job=job_type.model_validate(row["body"]),
            attempt=Attempt(row["attempts"], row["interrupted"]),
            trace_context=row["trace_context"],
            last_error=row["last_error"],
            expired=row["expired"],
        )
        for row in rows
    ]


async def complete(uow: UnitOfWork, leased: LeasedJob) -> bool:
    """Deletes the job; False when the lease is lost. Notifies the runners only when another job of the key waits."""
    has_next = await uow.db.fetchval(
        """
        DELETE FROM job j WHERE id = $1 AND lease_token = $2
        RETURNING EXISTS (SELECT 1 FROM job n WHERE n.queue = j.queue AND n.key = j.key AND n.id <> j.id)
        """,
        leased.id,
        leased.lease_token,
    )
    if has_next:
        uow.channels_to_notify.add(JOB_CHANNEL)
    return has_next is not None


async def reschedule(
    uow: UnitOfWork, leased: LeasedJob, result: RetryLater | OutcomeUnknown, *, after_s: float
) -> bool:
    """Makes the job due again in `after_s` seconds. False when the lease is lost."""
    status = await uow.db.execute(
        """
        UPDATE job SET lease_token = NULL, lease_expires_at = NULL, run_at = $3, last_error = $4, outcome_unknown = $5
        WHERE id = $1 AND lease_token = $2
        """,
        leased.id,
        leased.lease_token,
        uow.now + timedelta(seconds=after_s),
        result.reason,
        isinstance(result, OutcomeUnknown),
    )
    return bool(status == "UPDATE 1")


async def still_leased(uow: UnitOfWork, leased: Sequence[LeasedJob]) -> set[UUID]:
    """The ids whose lease this process still holds; locks the rows, so that nobody can lease them before the commit."""
    rows = await uow.db.fetch(
        "SELECT id, lease_token FROM job WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
        [entry.id for entry in leased],
    )
    tokens = {row["id"]: row["lease_token"] for row in rows}
    return {entry.id for entry in leased if tokens.get(entry.id) == entry.lease_token}


async def complete_many(uow: UnitOfWork, leased: Sequence[LeasedJob]) -> None:
    """The caller has locked the rows with `still_leased`, or leased them in this transaction."""
    if not leased:
        return
    has_next = await uow.db.fetchval(
        """
        WITH done AS (DELETE FROM job WHERE id = ANY($1::uuid[]) RETURNING queue, key)
        SELECT EXISTS (SELECT 1 FROM job n JOIN done USING (queue, key) WHERE n.id <> ALL($1::uuid[]))
        """,
        [entry.id for entry in leased],
    )
    if has_next:
        uow.channels_to_notify.add(JOB_CHANNEL)


async def reschedule_many(
    uow: UnitOfWork, results: Sequence[tuple[LeasedJob, RetryLater | OutcomeUnknown, float]]
) -> None:
    """(job, result, delay in seconds). The caller has locked the rows, see `complete_many`."""
    if not results:
        return
    await uow.db.execute(
        """
        UPDATE job SET lease_token = NULL, lease_expires_at = NULL, run_at = later.run_at,
                       last_error = later.last_error, outcome_unknown = later.outcome_unknown
        FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::boolean[])
             AS later(id, run_at, last_error, outcome_unknown)
        WHERE job.id = later.id
        """,
        [leased.id for leased, *_ in results],
        [uow.now + timedelta(seconds=after_s) for *_, after_s in results],
        [result.reason for _, result, _ in results],
        [isinstance(result, OutcomeUnknown) for _, result, _ in results],
    )


async def cancel_pending(uow: UnitOfWork, job_type: type[Job], keys: Sequence[str]) -> None:
    """Deletes jobs of these keys that are neither leased nor failed."""
    await uow.db.execute(
        """
        DELETE FROM job WHERE id = ANY (ARRAY(
            SELECT id FROM job WHERE queue = $1 AND key = ANY($2::text[]) AND lease_token IS NULL AND NOT failed
            FOR UPDATE SKIP LOCKED))
        """,
        job_type.QUEUE,
        list(keys),
    )


async def extend_leases(uow: UnitOfWork, leases: dict[UUID, UUID]) -> None:
    """`leases`: job id → lease token."""
    await uow.db.execute(
        """
        UPDATE job SET lease_expires_at = $3::timestamptz + make_interval(secs => $4)
        FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease_token)
        WHERE job.id = held.id AND job.lease_token = held.lease_token
        """,
        list(leases),
        list(leases.values()),
        uow.now,
        LEASE_S,
    )
