"""Writes down every refusal: a log line, and an audit record for those of tokens, roles, devices and the policy, and
for all of the actions whose uses are recorded.

Equal refusals within a second become one record with their number. That of a caller who is not known names no subject,
so that a flood of them is a few rows.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

import structlog
from fastapi import Request

from wanderamt.backbone.persistence.audit import AuditRecord, insert_records
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.supervision import run_forever
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.policy import RECORDED, RECORDED_WITH_EFFECT
from wanderamt.shell.access import record_of

INTERVAL_S = 1.0
MAX_DIFFERENT = 1000  # per interval; more are counted without their subject, and beyond twice as many without caller
WRITTEN_LATER: tuple[type[BaseException], ...] = (*TRANSIENT_ERRORS, asyncio.CancelledError)
RECORDED_KINDS = frozenset({RefusalKind.UNAUTHENTICATED, RefusalKind.FORBIDDEN})
RECORDED_ACTIONS = RECORDED | RECORDED_WITH_EFFECT

log = structlog.get_logger()


@dataclass
class AuditLog:
    """Starts and stops with the service; `flush` writes at once what waits."""

    database: Database
    health_problem: str = "not started"
    _waiting: Counter[AuditRecord] = field(default_factory=Counter)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.health_problem = ""
        self._task = asyncio.create_task(run_forever("audit_log", self._run), name="audit_log")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    def note(self, request: Request, refusal: Refusal) -> None:
        """Called for each refused request."""
        route = request.scope.get("route")
        path = getattr(route, "path", "")
        log.info("request.refused", code=refusal.code, method=request.method, route=path)
        action = getattr(request.state, "action", "") or f"{request.method} {path}"
        if refusal.kind not in RECORDED_KINDS and action not in RECORDED_ACTIONS:
            return
        record = record_of(request, getattr(request.state, "caller", None), action, outcome=refusal.code)
        if record not in self._waiting and len(self._waiting) >= MAX_DIFFERENT:
            record = replace(record, subject_id="", reason="", details={})
        if record not in self._waiting and len(self._waiting) >= 2 * MAX_DIFFERENT:
            record = AuditRecord("", record.action, outcome=record.outcome)
        self._waiting[record] += 1

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, Counter()
        if not waiting:
            return
        sql, args = insert_records([replace(record, times=times) for record, times in waiting.items()])
        try:
            await self.database.execute(sql, *args)
        except WRITTEN_LATER:
            self._waiting += waiting  # with the next ones
            raise

    async def _run(self) -> None:
        await asyncio.sleep(INTERVAL_S)
        await self.flush()
