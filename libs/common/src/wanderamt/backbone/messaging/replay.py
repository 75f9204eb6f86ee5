"""Retries dead letters through their handlers, in order per aggregate; failed jobs are among them and become due again.

Invariants: one transaction takes one aggregate: its lock, the effects of its handlers and the removal of its rows
commit together. A crash at any moment leaves each row either stored or replayed, and two replays at once share the
work without doing any of it twice. The first row that fails again keeps its aggregate blocked. Each operator's action
is recorded.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from wanderamt.backbone.jobs.failed import discard_failed, retry_failed
from wanderamt.backbone.messaging.dead_letter import (
    LOCK_AGGREGATE,
    DeadLetterKind,
    DeadLetterState,
    RawRecord,
    cause_of,
    decode_headers,
)
from wanderamt.backbone.messaging.dead_letter_queries import SELECTED, DeadLetterFilter
from wanderamt.backbone.messaging.handler_watch import HandlerFailedError
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.persistence import audit
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import InvalidEventError

BATCH_ROWS = 500  # of one aggregate in one transaction


@dataclass
class ReplaySummary:
    """In rows. `stale`: a later event of the same aggregate was handled before, so these have no effect any more."""

    replayed: int = 0
    stale: int = 0
    failed: int = 0
    aggregates: int = 0
    reasons: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        return self.replayed + self.stale + self.failed


async def replay(
    inbox: Inbox, selected: DeadLetterFilter, *, who: str, rate: float | None
) -> AsyncIterator[ReplaySummary]:
    """Replays the selected rows, oldest aggregate first; yields after each. `rate`: rows per second at most.

    After an interruption, start it again: it continues with the remaining rows.
    """
    summary = ReplaySummary()
    database = inbox.database
    async with database.unit_of_work() as uow:
        await record_operator_action(uow, who, "retry started", inbox.consumer, selected.as_details())
    last_id = 0
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        async with database.unit_of_work() as uow:
            first = await _next_first(uow, inbox.consumer, selected, after=last_id)
        if not first:
            break
        last_id = first["id"]
        await _replay_aggregate(inbox, first, summary)
        yield summary
        if rate:
            await asyncio.sleep(max(0.0, begun + summary.rows / rate - loop.time()))
    async with database.unit_of_work() as uow:
        outcome = {"replayed": summary.replayed, "stale": summary.stale, "failed": summary.failed}
        await record_operator_action(uow, who, "retry finished", inbox.consumer, selected.as_details() | outcome)


async def discard(uow: UnitOfWork, consumer: str, selected: DeadLetterFilter, *, who: str, why: str) -> int:
    """Deletes the selected rows and returns their number. Rows behind them stay, and a later replay takes them."""
    rows = await uow.db.fetch(
        f'DELETE FROM dead_letter WHERE {SELECTED} RETURNING kind, job_id, topic, partition, "offset"',  # noqa: S608 -- a fixed text
        consumer,
        *selected.as_args(),
    )
    if not rows:
        return 0
    for row in rows:
        if row["kind"] == DeadLetterKind.JOB:
            await discard_failed(uow, row["job_id"])
    discarded = [
        f"job {row['job_id']}"
        if row["kind"] == DeadLetterKind.JOB
        else f"{row['topic']}/{row['partition']}@{row['offset']}"
        for row in rows
    ]
    details = selected.as_details() | {"why": why, "rows": discarded}
    await record_operator_action(uow, who, "discard", consumer, details)
    return len(rows)


async def record_operator_action(
    uow: UnitOfWork, who: str, action: str, consumer: str, details: dict[str, Any]
) -> None:
    await audit.record(uow, audit.AuditRecord(who, action, details={"consumer": consumer, **details}))


async def _next_first(uow: UnitOfWork, consumer: str, selected: DeadLetterFilter, *, after: int) -> Any:
    """The oldest selected row above `after` that is the first of its aggregate, or belongs to none."""
    return await uow.db.fetchrow(
        f"""
        SELECT id, topic, aggregate FROM dead_letter p WHERE {SELECTED} AND id > $6
          AND (aggregate IS NULL OR NOT EXISTS (
              SELECT 1 FROM dead_letter e
              WHERE e.consumer = $1 AND (e.topic, e.aggregate) = (p.topic, p.aggregate) AND e.id < p.id))
        ORDER BY id LIMIT 1
        """,  # noqa: S608 -- a fixed text
        consumer,
        *selected.as_args(),
        after,
    )


async def _replay_aggregate(inbox: Inbox, first: Any, summary: ReplaySummary) -> None:
    """Takes later rows of the aggregate too, also those stored after the cutoff: nothing else would replay them."""
    more = True
    while more:
        more = False
        async with inbox.database.unit_of_work() as uow:
            rows = await _lock_rows(uow, inbox.consumer, first)
            for row in rows:
                if not await _replay_row(inbox, row, uow, summary):
                    break
            else:
                more = len(rows) == BATCH_ROWS
    summary.aggregates += 1


async def _lock_rows(uow: UnitOfWork, consumer: str, first: Any) -> list[Any]:
    """`first`: a row of `_next_first`."""
    topic, aggregate = first["topic"], first["aggregate"]
    if aggregate is None:
        return list(await uow.db.fetch("SELECT * FROM dead_letter WHERE id = $1 FOR UPDATE SKIP LOCKED", first["id"]))
    await uow.db.execute(LOCK_AGGREGATE, consumer, topic, str(aggregate))
    return list(
        await uow.db.fetch(
            "SELECT * FROM dead_letter WHERE consumer = $1 AND topic = $2 AND aggregate = $3 ORDER BY id LIMIT $4",
            consumer,
            topic,
            aggregate,
            BATCH_ROWS,
        )
    )


async def _replay_row(inbox: Inbox, row: Any, uow: UnitOfWork, summary: ReplaySummary) -> bool:
    """Whether the row is done, so that the next row of its aggregate may follow."""
    if row["kind"] == DeadLetterKind.JOB:
        summary.replayed += await retry_failed(uow, row["job_id"])
        return True
    record = RawRecord(
        row["topic"], row["partition"], row["offset"], row["key"], row["value"], decode_headers(row["headers"])
    )
    try:
        async with uow.db.transaction():
            handled = await inbox.reprocess(record, uow)
            await uow.flush()
            await uow.db.execute("DELETE FROM dead_letter WHERE id = $1", row["id"])
    except HandlerFailedError as failure:
        uow.discard_pending()
        invalid = isinstance(failure.error, InvalidEventError)  # its text holds no payload
        reason = str(failure.error) if invalid else cause_of(failure.error, row["type"]).reason
        state = DeadLetterState.FAILED if row["aggregate"] else DeadLetterState(row["state"])
        await uow.db.execute(
            "UPDATE dead_letter SET attempts = attempts + 1, reason = $2, state = $3 WHERE id = $1",
            row["id"],
            reason,
            state,
        )
        summary.failed += 1
        summary.reasons.add(reason)
        return False
    summary.replayed += handled
    summary.stale += not handled
    return True
