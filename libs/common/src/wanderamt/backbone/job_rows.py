"""Rows of the table job: leased, put off, finished. All of them know that a lease may be another's by now."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from wanderamt.backbone.work import JOB_CHANNEL, Work
from wanderamt.kernel.decision import Attempt, Job, Retry, Unknown

LEASE_S = 6.0
BACKOFF_S = (1.0, 5.0, 15.0, 60.0, 300.0)
JITTER = 0.2  # of each delay


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    lease: UUID
    job: Job
    attempt: Attempt
    trace: dict[str, str]
    reason: str
    expired: bool


def jittered(after_s: float, rng: random.Random) -> float:
    """Many jobs that failed together do not come back together."""
    return after_s * (1 + JITTER * rng.uniform(-1, 1))


def backoff(attempt: Attempt) -> float:
    return BACKOFF_S[min(attempt.number - 1, len(BACKOFF_S) - 1)]


async def lease_heads(work: Work, kind: type[Job], limit: int) -> list[Claimed]:
    """Of each key its oldest job that is due, under one new lease; those of another process are skipped."""
    lease = work.new_id()
    rows = await work.db.fetch(
        """
        WITH head AS (
            SELECT id, unsure OR lease IS NOT NULL AS interrupted FROM job j
            WHERE queue = $1 AND NOT dead AND NOT behind AND run_at <= $2 AND (lease IS NULL OR leased_until < $2)
              AND NOT EXISTS (SELECT 1 FROM job e WHERE e.queue = j.queue AND e.key = j.key AND e.seq < j.seq)
            ORDER BY run_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE job SET lease = $4, leased_until = $2 + make_interval(secs => $5), attempts = attempts + 1,
                       unsure = false
        FROM head WHERE job.id = head.id
        RETURNING job.id, body, trace, attempts, interrupted, reason, deadline <= $2 AS expired
        """,
        kind.QUEUE,
        work.now,
        limit,
        lease,
        LEASE_S,
    )
    return [
        Claimed(
            id=row["id"],
            lease=lease,
            job=kind.model_validate(row["body"]),
            attempt=Attempt(row["attempts"], row["interrupted"]),
            trace=row["trace"],
            reason=row["reason"],
            expired=row["expired"],
        )
        for row in rows
    ]


async def finish(work: Work, claimed: Claimed) -> bool:
    """Wakes the runners when the next of this key waits: they would look in vain after every other job."""
    followed = await work.db.fetchval(
        """
        DELETE FROM job j WHERE id = $1 AND lease = $2
        RETURNING EXISTS (SELECT 1 FROM job n WHERE n.queue = j.queue AND n.key = j.key AND n.id <> j.id)
        """,
        claimed.id,
        claimed.lease,
    )
    if followed:
        work.woken.add(JOB_CHANNEL)
    return followed is not None


async def put_off(work: Work, claimed: Claimed, again: Retry | Unknown, *, after_s: float) -> bool:
    status = await work.db.execute(
        """
        UPDATE job SET lease = NULL, leased_until = NULL, run_at = $3, reason = $4, unsure = $5
        WHERE id = $1 AND lease = $2
        """,
        claimed.id,
        claimed.lease,
        work.now + timedelta(seconds=after_s),
        again.reason,
        isinstance(again, Unknown),
    )
    return bool(status == "UPDATE 1")


async def lock_held(work: Work, claimed: Sequence[Claimed]) -> set[UUID]:
    """Those whose lease is still ours; nobody can take them before the commit."""
    rows = await work.db.fetch(
        "SELECT id, lease FROM job WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", [one.id for one in claimed]
    )
    leases = {row["id"]: row["lease"] for row in rows}
    return {one.id for one in claimed if leases.get(one.id) == one.lease}


async def finish_many(work: Work, claimed: Sequence[Claimed]) -> None:
    """The caller holds them, see `lock_held`."""
    if not claimed:
        return
    followed = await work.db.fetchval(
        """
        WITH done AS (DELETE FROM job WHERE id = ANY($1::uuid[]) RETURNING queue, key)
        SELECT EXISTS (SELECT 1 FROM job n JOIN done USING (queue, key) WHERE n.id <> ALL($1::uuid[]))
        """,
        [one.id for one in claimed],
    )
    if followed:
        work.woken.add(JOB_CHANNEL)


async def put_off_many(work: Work, again: Sequence[tuple[Claimed, Retry | Unknown, float]]) -> None:
    """Each for so many seconds. The caller holds them, see `lock_held`."""
    if not again:
        return
    await work.db.execute(
        """
        UPDATE job SET lease = NULL, leased_until = NULL, run_at = later.run_at, reason = later.reason,
                       unsure = later.unsure
        FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::boolean[]) AS later(id, run_at, reason, unsure)
        WHERE job.id = later.id
        """,
        [claimed.id for claimed, *_ in again],
        [work.now + timedelta(seconds=after_s) for *_, after_s in again],
        [one.reason for _, one, _ in again],
        [isinstance(one, Unknown) for _, one, _ in again],
    )


async def forget(work: Work, kind: type[Job], keys: Sequence[str]) -> None:
    """Jobs of these keys that nobody is claiming: there is nothing left to do."""
    await work.db.execute(
        """
        DELETE FROM job WHERE id = ANY (ARRAY(
            SELECT id FROM job WHERE queue = $1 AND key = ANY($2::text[]) AND lease IS NULL AND NOT dead
            FOR UPDATE SKIP LOCKED))
        """,
        kind.QUEUE,
        list(keys),
    )


async def renew(work: Work, leases: dict[UUID, UUID]) -> None:
    await work.db.execute(
        """
        UPDATE job SET leased_until = $3::timestamptz + make_interval(secs => $4)
        FROM unnest($1::uuid[], $2::uuid[]) AS held(id, lease)
        WHERE job.id = held.id AND job.lease = held.lease
        """,
        list(leases),
        list(leases.values()),
        work.now,
        LEASE_S,
    )
