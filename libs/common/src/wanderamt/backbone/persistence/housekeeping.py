"""Deletes old rows of the backbone's tables, in small batches.

Invariants: an event id is kept longer than any relay can delay a second sending; watermarks are never deleted, so a
topic can be read again from offset 0 at any time without effect.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog

from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.rate_limits import RETENTION
from wanderamt.backbone.persistence.unit_of_work import rows_changed
from wanderamt.backbone.supervision import run_forever

LOCK = 1_463_897_669  # only one process of a service deletes at a time
BATCH_ROWS = 5_000
PAUSE_S = 0.05  # between two batches, so that the deletion does not slow down other work

log = structlog.get_logger()

# table, column of age, name of its retention
SWEEPS = (
    ("inbox", "handled_at", "inbox_days"),
    ("inbox_version", "seen_at", "version_days"),
    ("relay_heartbeat", "heartbeat_at", "heartbeat_days"),
    ("audit_record", "at", "audit_days"),
    ("job", "finished_at", "job_days"),
    ("used_proof", "expires_at", "proof_days"),
    ("rate_limit_use", "used_at", "limit_days"),
)


@dataclass(frozen=True, slots=True)
class BackboneRetention:
    """In days. `inbox_days` must be longer than the longest Kafka outage that must cause no duplicates. `job_days`: of
    succeeded jobs. `proof_days`: of used proofs, after they expired."""

    inbox_days: float = 30.0
    version_days: float = 400.0
    heartbeat_days: float = 1.0
    audit_days: float = 3650.0
    job_days: float = 1.0
    proof_days: float = 0.0
    limit_days: float = RETENTION / timedelta(days=1)


@dataclass
class Housekeeping:
    database: Database
    retention: BackboneRetention
    interval_s: float = 60.0
    health_problem: str = "not started"
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.health_problem = ""
        self._task = asyncio.create_task(run_forever("housekeeping", self._run), name="housekeeping")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        deleted = await self.sweep()
        if any(deleted.values()):
            log.info("housekeeping.deleted", **deleted)
        await asyncio.sleep(self.interval_s)

    async def sweep(self) -> dict[str, int]:
        """The number of deleted rows per table."""
        total = dict.fromkeys((table for table, *_ in SWEEPS), 0)
        for table, column, retention in SWEEPS:
            age = timedelta(days=getattr(self.retention, retention))
            while deleted := await self._delete_some(table, column, age):
                total[table] += deleted
                await asyncio.sleep(PAUSE_S)
        return total

    async def _delete_some(self, table: str, column: str, age: timedelta) -> int:
        async with self.database.unit_of_work() as uow:
            if not await uow.db.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return 0
            status: str = await uow.db.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY("  # noqa: S608 -- names come from SWEEPS
                f"SELECT ctid FROM {table} WHERE {column} < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))",
                uow.now - age,
                BATCH_ROWS,
            )
        return rows_changed(status)
