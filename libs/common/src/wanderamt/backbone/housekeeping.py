"""Keeps the backbone's tables flat: what has done its duty is deleted, a little at a time.

Kept true: an event id is kept longer than any relay can be late with a second sending; marks of offsets are never
deleted, so replaying a topic from 0 stays harmless for ever.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from wanderamt.backbone.database import Database
from wanderamt.backbone.forever import for_ever
from wanderamt.backbone.work import rows_changed

LOCK = 1_463_897_669  # one process of a service cleans at a time
ROWS_AT_ONCE = 5_000
BREATH_S = 0.05  # between two batches: cleaning must not be felt

log = structlog.get_logger()

# table, column of age, which retention
SWEEPS = (
    ("inbox", "handled_at", "inbox_days"),
    ("inbox_version", "seen_at", "version_days"),
    ("relay_beat", "beaten_at", "beat_days"),
    ("operator_action", "at", "action_days"),
)


@dataclass(frozen=True, slots=True)
class Retention:
    """In days. `inbox_days` must be longer than the longest outage of Kafka you want to survive without doubles."""

    inbox_days: float = 30.0
    version_days: float = 400.0
    beat_days: float = 1.0
    action_days: float = 3650.0


@dataclass
class Housekeeping:
    database: Database
    retention: Retention
    every_s: float = 60.0
    trouble: str = "not started"
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.trouble = ""
        self._task = asyncio.create_task(for_ever("housekeeping", self._run), name="housekeeping")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        swept = await self.sweep()
        if any(swept.values()):
            log.info("housekeeping.swept", **swept)
        await asyncio.sleep(self.every_s)

    async def sweep(self) -> dict[str, int]:
        """Rows deleted per table."""
        swept = dict.fromkeys((table for table, *_ in SWEEPS), 0)
        for table, column, kept in SWEEPS:
            age = timedelta(days=getattr(self.retention, kept))
            while deleted := await self._delete_some(table, column, age):
                swept[table] += deleted
                await asyncio.sleep(BREATH_S)
        return swept

    async def _delete_some(self, table: str, column: str, age: timedelta) -> int:
        async with self.database.work() as work:
            if not await work.db.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return 0
            status: str = await work.db.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608 -- names of ours
                f"SELECT ctid FROM {table} WHERE {column} < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
                work.now - age,
                ROWS_AT_ONCE,
            )
        return rows_changed(status)
