"""Jobs that only a human can set going again: they stand among the parked rows, and are replayed or thrown away there.

Kept true: a dead job and its parked row come and go in one transaction; while it is dead what comes later of its key
steps out of the way, so that claiming stays cheap; a job set going again is told that its effect is not known.
"""

import json
from typing import Any
from uuid import UUID

from wanderamt.backbone.job_rows import Claimed
from wanderamt.backbone.parked import Arrival, Cause, ParkedState, fingerprint, park
from wanderamt.backbone.work import JOB_CHANNEL, Work

TOPIC = "job "  # then the queue: no Kafka topic has a space
AT_LEAST_S = 3600.0  # a job set going again has so long, whatever its deadline was


async def bury(work: Work, claimed: Claimed, reason: str, *, consumer: str, holds_key: bool = True) -> bool:
    """False when the lease is another's by now. A job that does not hold its key gets one of its own."""
    job = claimed.job
    seq = await work.db.fetchval(
        """
        UPDATE job SET dead = true, reason = $3, lease = NULL, key = key || CASE WHEN $4 THEN '' ELSE ' ' || id END
        WHERE id = $1 AND lease = $2 RETURNING seq
        """,
        claimed.id,
        claimed.lease,
        reason,
        holds_key,
    )
    if seq is None:
        return False
    if holds_key:
        await work.db.execute(
            "UPDATE job SET behind = true WHERE queue = $1 AND key = $2 AND seq > $3 AND NOT behind",
            job.QUEUE,
            job.key,
            seq,
        )
    else:
        work.woken.add(JOB_CHANNEL)
    body = json.dumps(job.model_dump(mode="json")).encode()
    await park(
        work.db,
        consumer,
        Arrival(TOPIC + job.QUEUE, 0, seq, job.key.encode(), body, ()),
        aggregate=claimed.id,
        type_=job.QUEUE,
        state=ParkedState.PARKED,
        cause=Cause(reason, fingerprint(job.QUEUE, reason)),
    )
    return True


def is_job(topic: str) -> bool:
    return topic.startswith(TOPIC)


async def revive(work: Work, job_id: UUID, *, unsure: bool = True) -> bool:
    """Sets it going again, and lets what is behind it follow. False where it is not dead."""
    row = await work.db.fetchrow(
        """
        UPDATE job SET dead = false, run_at = $2::timestamptz, unsure = $3,
                       deadline = greatest(deadline, $2::timestamptz + make_interval(secs => $4))
        WHERE id = $1 AND dead RETURNING queue, key
        """,
        job_id,
        work.now,
        unsure,
        AT_LEAST_S,
    )
    return await _let_follow(work, row)


async def throw_away(work: Work, job_id: UUID) -> bool:
    """Its successors go on. False where it is not dead."""
    row = await work.db.fetchrow("DELETE FROM job WHERE id = $1 AND dead RETURNING queue, key", job_id)
    return await _let_follow(work, row)


async def find_dead(work: Work, queue: str, field: str, value: str) -> UUID | None:
    """The dead job of a queue whose body says so."""
    found: UUID | None = await work.db.fetchval(
        "SELECT id FROM job WHERE queue = $1 AND dead AND body ->> $2 = $3", queue, field, value
    )
    return found


async def unpark(work: Work, consumer: str, job_id: UUID) -> None:
    await work.db.execute("DELETE FROM parked WHERE consumer = $1 AND aggregate = $2", consumer, job_id)


async def _let_follow(work: Work, row: Any) -> bool:
    if not row:
        return False
    await work.db.execute(
        "UPDATE job SET behind = false WHERE queue = $1 AND key = $2 AND behind", row["queue"], row["key"]
    )
    work.woken.add(JOB_CHANNEL)
    return True
