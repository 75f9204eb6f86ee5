"""Parked rows again through their handlers, in order per aggregate; dead jobs stand among them and are set going again.

Kept true: one transaction takes one aggregate: its lock, its handlers' effects and the removal of its rows commit
together, so a kill at any moment leaves a row either parked or replayed, and two replays at once share the work without
doing any of it twice. The first row that fails again keeps its aggregate parked. Who did what is written down.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.dead import is_job, revive, throw_away
from wanderamt.backbone.inbox import HandlerFailed, Inbox
from wanderamt.backbone.parked import LOCK, Arrival, ParkedState, cause_of, thaw
from wanderamt.backbone.work import Work

ROWS_AT_ONCE = 500  # of one aggregate in one transaction


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked rows. Nothing given: all of the consumer's that were parked before `cutoff`."""

    cutoff: datetime
    fingerprint: str | None = None
    aggregate: UUID | None = None

    def as_details(self) -> dict[str, Any]:
        return {name: str(value) for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that failed at the same place for the same reason."""

    fingerprint: str
    state: str
    type: str
    reason: str
    rows: int
    aggregates: int
    since: datetime


@dataclass
class Tally:
    """`stale`: events that a later one of the same aggregate had overtaken; they have no effect any more."""

    replayed: int = 0
    stale: int = 0
    failed: int = 0
    aggregates: int = 0
    reasons: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        return self.replayed + self.stale + self.failed


async def groups(work: Work, consumer: str) -> list[Group]:
    rows = await work.db.fetch(
        """
        SELECT fingerprint, state, type, min(reason) AS reason, count(*) AS rows,
               count(DISTINCT aggregate) AS aggregates, min(parked_at) AS since
        FROM parked WHERE consumer = $1 GROUP BY fingerprint, state, type ORDER BY rows DESC, fingerprint
        """,
        consumer,
    )
    return [Group(**dict(row)) for row in rows]


async def show(work: Work, consumer: str, *, fingerprint: str, limit: int) -> list[dict[str, Any]]:
    """Rows of one group, the oldest first: where they came from and how long they are, never what they say."""
    rows = await work.db.fetch(
        """
        SELECT id, topic, partition, "offset", aggregate, type, state, reason, attempts, parked_at,
               length(value) AS bytes
        FROM parked WHERE consumer = $1 AND fingerprint = $2 ORDER BY id LIMIT $3
        """,
        consumer,
        fingerprint,
        limit,
    )
    return [dict(row) for row in rows]


async def count(work: Work, consumer: str, chosen: Selection) -> tuple[int, int]:
    """(rows, aggregates) a replay would take. A group's aggregates go whole: their successors wait behind them."""
    row = await work.db.fetchrow(
        f"""
        SELECT count(*) AS rows, count(DISTINCT coalesce(aggregate::text, 'row ' || id)) AS aggregates
        FROM parked WHERE consumer = $1 AND parked_at < $2 AND (aggregate IN ({_HEADS}) OR (
            aggregate IS NULL AND ($3::text IS NULL OR fingerprint = $3) AND $4::uuid IS NULL))
        """,  # noqa: S608 -- a fixed text
        consumer,
        chosen.cutoff,
        chosen.fingerprint,
        chosen.aggregate,
    )
    return row["rows"], row["aggregates"]


async def replay(inbox: Inbox, chosen: Selection, *, who: str, rate: float | None) -> AsyncIterator[Tally]:
    """Drains the chosen rows, oldest aggregate first; yields after each. `rate` is rows per second at most.

    Killed at any moment, it can be started again and goes on with what is left.
    """
    tally = Tally()
    database = inbox.database
    async with database.work() as work:
        await write_down(work, who, "replay begins", inbox.consumer, chosen.as_details())
    last_id = 0
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        async with database.work() as work:
            head = await _next(work, inbox.consumer, chosen, after=last_id)
        if not head:
            break
        last_id = head["id"]
        await _drain(inbox, head, tally)
        yield tally
        if rate:
            await asyncio.sleep(max(0.0, begun + tally.rows / rate - loop.time()))
    async with database.work() as work:
        outcome = {"replayed": tally.replayed, "stale": tally.stale, "failed": tally.failed}
        await write_down(work, who, "replay ends", inbox.consumer, chosen.as_details() | outcome)


async def discard(work: Work, consumer: str, chosen: Selection, *, who: str, why: str) -> int:
    """Throws the chosen rows away. What stood behind them stays and is replayed next."""
    rows = await work.db.fetch(
        """
        DELETE FROM parked WHERE consumer = $1 AND parked_at < $2 AND ($3::text IS NULL OR fingerprint = $3)
          AND ($4::uuid IS NULL OR aggregate = $4)
        RETURNING topic, partition, "offset", aggregate
        """,
        consumer,
        chosen.cutoff,
        chosen.fingerprint,
        chosen.aggregate,
    )
    for row in rows:
        if is_job(row["topic"]):
            await throw_away(work, row["aggregate"])
    gone = [f"{row['topic']}/{row['partition']}@{row['offset']}" for row in rows]
    await write_down(work, who, "discard", consumer, chosen.as_details() | {"why": why, "rows": gone})
    return len(rows)


async def write_down(work: Work, who: str, action: str, consumer: str, details: dict[str, Any]) -> None:
    await work.db.execute(
        "INSERT INTO operator_action (who, action, details) VALUES ($1, $2, $3)",
        who,
        action,
        {"consumer": consumer, **details},
    )


_HEADS = """
    SELECT aggregate FROM parked WHERE consumer = $1 AND parked_at < $2 AND aggregate IS NOT NULL
      AND ($3::text IS NULL OR fingerprint = $3) AND ($4::uuid IS NULL OR aggregate = $4)
"""


async def _next(work: Work, consumer: str, chosen: Selection, *, after: int) -> Any:
    """The oldest row of the selection above `after` that heads its aggregate, or belongs to none."""
    return await work.db.fetchrow(
        """
        SELECT id, aggregate FROM parked p WHERE consumer = $1 AND parked_at < $2 AND id > $5
          AND ($3::text IS NULL OR fingerprint = $3) AND ($4::uuid IS NULL OR aggregate = $4)
          AND (aggregate IS NULL OR NOT EXISTS (
              SELECT 1 FROM parked e WHERE e.consumer = $1 AND e.aggregate = p.aggregate AND e.id < p.id))
        ORDER BY id LIMIT 1
        """,
        consumer,
        chosen.cutoff,
        chosen.fingerprint,
        chosen.aggregate,
        after,
    )


async def _drain(inbox: Inbox, head: Any, tally: Tally) -> None:
    """Its successors go with it, also those parked after the cutoff: without their head nobody would drive them."""
    aggregate = head["aggregate"]
    more = True
    while more:
        more = False
        async with inbox.database.work() as work:
            rows = await _lock_rows(work, inbox.consumer, head["id"], aggregate)
            for row in rows:
                if not await _again(inbox, row, work, tally):
                    break
            else:
                more = len(rows) == ROWS_AT_ONCE
    tally.aggregates += 1


async def _lock_rows(work: Work, consumer: str, row_id: int, aggregate: UUID | None) -> list[Any]:
    if aggregate is None:
        return list(await work.db.fetch("SELECT * FROM parked WHERE id = $1 FOR UPDATE SKIP LOCKED", row_id))
    await work.db.execute(LOCK, consumer, str(aggregate))
    return list(
        await work.db.fetch(
            "SELECT * FROM parked WHERE consumer = $1 AND aggregate = $2 ORDER BY id LIMIT $3",
            consumer,
            aggregate,
            ROWS_AT_ONCE,
        )
    )


async def _again(inbox: Inbox, row: Any, work: Work, tally: Tally) -> bool:
    """Whether the row is done, so that the next of its aggregate may follow."""
    if is_job(row["topic"]):
        tally.replayed += await revive(work, row["aggregate"])
        await work.db.execute("DELETE FROM parked WHERE id = $1", row["id"])
        return True
    arrival = Arrival(row["topic"], row["partition"], row["offset"], row["key"], row["value"], thaw(row["headers"]))
    try:
        async with work.db.transaction():
            handled = await inbox.take_again(arrival, work)
            await work.flush()
            await work.db.execute("DELETE FROM parked WHERE id = $1", row["id"])
    except HandlerFailed as failure:
        work.forget()
        reason = cause_of(failure.error, row["type"]).reason
        state = ParkedState.PARKED if row["aggregate"] else ParkedState.QUARANTINED
        await work.db.execute(
            "UPDATE parked SET attempts = attempts + 1, reason = $2, state = $3 WHERE id = $1", row["id"], reason, state
        )
        tally.failed += 1
        tally.reasons.add(reason)
        return False
    tally.replayed += handled
    tally.stale += not handled
    return True
