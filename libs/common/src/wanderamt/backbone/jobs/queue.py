"""SQL for the table `job`: claim, record results, extend leases.

Invariants: a status changes from running to another one only under the lease of the attempt; a job that is claimed
again without a recorded result has an unknown outcome, and postponing it does not hide that.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import ValidationError

from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import PendingJob, UnitOfWork, job_channel, job_columns
from wanderamt.kernel.decision import Attempt, Job, OutcomeUnknown, RetryLater

LEASE_S = 6.0
BACKOFF_S = (1.0, 5.0, 15.0, 60.0, 300.0)
JITTER = 0.2  # of each delay


class JobStatus(StrEnum):
    """The values of the column `job.status`."""

    TODO = "todo"
    RUNNING = "running"  # under a lease; once that has expired, nobody knows the outcome
    OUTCOME_UNKNOWN = "outcome_unknown"  # to do again, but the previous attempt may have had its effect
    SUCCEEDED = "succeeded"  # kept without its body until housekeeping deletes it
    FAILED = "failed"  # only an operator can continue it
    BLOCKED = "blocked"  # to do, behind a failed job of its key


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job this process has leased. `expired`: its deadline has passed. `last_error`: of the attempt before."""

    id: UUID
    lease_token: UUID
    job: Any
    attempt: Attempt
    trace_context: dict[str, str]
    last_error: str
    expired: bool


@dataclass(frozen=True, slots=True)
class UnreadableJob:
    """In place of a job whose body does not fit its type, such as one of a newer version of the service."""

    reason: str


ClaimedResult: TypeAlias = tuple[ClaimedJob, RetryLater | OutcomeUnknown | None]
"""None: the job has succeeded."""


def backoff(attempt: Attempt) -> float:
    """Seconds to wait after this attempt."""
    return BACKOFF_S[min(attempt.number - 1, len(BACKOFF_S) - 1)]


async def claim(uow: UnitOfWork, job_type: type[Job], limit: int) -> list[ClaimedJob]:
    """Leases the oldest due job of each key, all with one new token; skips jobs that another process is claiming."""
    lease_token = uow.new_id()
    rows = await uow.db.fetch(
        """
        WITH head AS (
            SELECT id, status <> 'todo' AS interrupted FROM job j
            WHERE queue = $1 AND run_at <= $2 AND status IN ('todo', 'outcome_unknown', 'running')
              AND (status <> 'running' OR lease_expires_at < $2)
              AND NOT coalesce((SELECT true FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq
                                AND e.status <> 'succeeded' LIMIT 1), false)  -- EXISTS could read the whole queue
            ORDER BY run_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE job SET status = 'running', lease_token = $4, lease_expires_at = $2 + make_interval(secs => $5),
                       attempts = attempts + 1
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
        ClaimedJob(
            id=row["id"],
            lease_token=lease_token,
            job=_read(job_type, row["body"]),
            attempt=Attempt(row["attempts"], row["interrupted"]),
            trace_context=row["trace_context"],
            last_error=row["last_error"],
            expired=row["expired"],
        )
        for row in rows
    ]


def _read(job_type: type[Job], body: Any) -> Job | UnreadableJob:
    try:
        return job_type.model_validate(body)
    except ValidationError as error:
        places = {".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)}
        return UnreadableJob(f"{job_type.__name__} with unreadable {', '.join(sorted(places))}")


def as_claimed(jobs: Sequence[PendingJob], lease_token: UUID) -> list[ClaimedJob]:
    """Jobs that their transaction has enqueued and not written, for `insert_running`."""
    first = Attempt(1, previous_outcome_unknown=False)
    return [
        ClaimedJob(id_, lease_token, job, first, trace, last_error="", expired=False) for id_, job, trace, _ in jobs
    ]


async def insert_running(uow: UnitOfWork, jobs: Sequence[PendingJob], lease_token: UUID) -> bool:
    """Writes new jobs as `claim` leaves them, with everything pending, in one statement. False if the key of one has
    another unfinished job: the transaction must be rolled back."""
    rows = await uow.fetch_with_outbox(
        """
        INSERT INTO job (id, queue, key, body, trace_context, run_at, deadline, status, lease_token, lease_expires_at,
                         attempts)
        SELECT id, queue, key, body, trace_context, run_at, deadline,
               CASE WHEN (SELECT true FROM job e WHERE e.queue = j.queue AND e.key = j.key
                                                   AND e.status <> 'succeeded' LIMIT 1)
                    THEN 'todo' ELSE 'running' END,
               $8::uuid, $9::timestamptz + make_interval(secs => $10), 1
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
             WITH ORDINALITY AS j(id, queue, key, body, trace_context, run_at, deadline, place)
        ORDER BY place RETURNING status
        """,
        *job_columns(jobs),
        lease_token,
        uow.now,
        LEASE_S,
    )
    return all(row["status"] == JobStatus.RUNNING for row in rows)


async def record_results(uow: UnitOfWork, results: Sequence[ClaimedResult], rng: random.Random) -> set[UUID]:
    """Ends these attempts in one statement, in which everything pending is written too; returns the ids of the jobs
    whose lease was still held.

    Notifies the runners only when another job of a key waits. A succeeded job loses its body: it may hold personal
    data.
    """
    if not results:
        return set()
    ordered = sorted(results, key=lambda result: result[0].id)  # always locked in one order
    values = [
        (
            claimed.id,
            claimed.lease_token,
            _status_after(result),
            uow.now + _delay(result, rng),
            result.reason if result else "",
        )
        for claimed, result in ordered
    ]
    if len(values) == 1:
        rows = await uow.fetch_with_outbox(_RECORD_ONE, *values[0])
    else:
        rows = await uow.fetch_with_outbox(_RECORD_MANY, *map(list, zip(*values, strict=True)))
    if any(row["next_waits"] for row in rows):
        uow.channels_to_notify.add(job_channel(ordered[0][0].job.QUEUE))  # all of one handler
    return {row["id"] for row in rows}


def cancel_pending(uow: UnitOfWork, job_type: type[Job], keys: Sequence[str]) -> None:
    """Deletes jobs of these keys that neither run nor have an end."""
    uow.write_later(
        (
            """
            DELETE FROM job WHERE id = ANY (ARRAY(
                SELECT id FROM job WHERE queue = $1 AND key = ANY($2::text[])
                                     AND status IN ('todo', 'outcome_unknown', 'blocked')
                FOR UPDATE SKIP LOCKED))
            """,
            (job_type.QUEUE, list(keys)),
        )
    )


async def extend_leases(database: Database, leases: Mapping[UUID, UUID]) -> None:
    """`leases`: job id → lease token."""
    ids = sorted(leases)
    await database.execute(
        """
        UPDATE job SET lease_expires_at = $3::timestamptz + make_interval(secs => $4)
        FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease_token)
        WHERE job.id = held.id AND job.lease_token = held.lease_token AND job.status = 'running'
        """,
        ids,
        [leases[id_] for id_ in ids],
        database.environment.clock(),
        LEASE_S,
    )


async def count_without_handler(uow: UnitOfWork, queues: Sequence[str]) -> dict[str, int]:
    """Queue → number of unfinished jobs, for the queues other than these."""
    rows = await uow.db.fetch(
        """
        SELECT queue, count(*) AS jobs FROM job WHERE status <> 'succeeded' AND queue <> ALL($1::text[])
        GROUP BY queue
        """,
        list(queues),
    )
    return {row["queue"]: row["jobs"] for row in rows}


def _status_after(result: RetryLater | OutcomeUnknown | None) -> JobStatus:
    match result:
        case RetryLater():
            return JobStatus.TODO
        case OutcomeUnknown():
            return JobStatus.OUTCOME_UNKNOWN
    return JobStatus.SUCCEEDED


def _delay(result: RetryLater | OutcomeUnknown | None, rng: random.Random) -> timedelta:
    """Spreads delays, so that many jobs that failed together do not return together."""
    return timedelta(seconds=result.after_s * (1 + JITTER * rng.uniform(-1, 1))) if result else timedelta()


_RECORD = """
    UPDATE job SET status = r.status, run_at = r.run_at, last_error = r.reason,
                   body = CASE r.status WHEN 'succeeded' THEN '{}' ELSE body END,
                   finished_at = CASE r.status WHEN 'succeeded' THEN r.run_at END
    FROM %s AS r(id, lease_token, status, run_at, reason)
    WHERE job.id = %s AND job.lease_token = r.lease_token AND job.status = 'running'
    RETURNING job.id, job.status = 'succeeded' AND coalesce((
        SELECT true FROM job n WHERE n.queue = job.queue AND n.key = job.key AND n.id <> job.id
                              AND n.status IN ('todo', 'outcome_unknown') LIMIT 1), false) AS next_waits
"""
_RECORD_MANY = _RECORD % ("unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[])", "r.id")
_RECORD_ONE = _RECORD % ("(VALUES ($1::uuid, $2::uuid, $3::text, $4::timestamptz, $5::text))", "$1")  # no arrays
