"""Detects a handler that blocks: it waits for something other than the database, or it holds up the whole process.

Invariants: only a handler that sent no statement for LIMIT_S seconds is ended: a statement has its own time-out; an
ended handler has failed, so its event becomes a dead letter; per event, nothing runs but two assignments.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import EventHeader

LIMIT_S = 5.0  # less than the server's idle_in_transaction_session_timeout
INTERVAL_S = 1.0
LATE_S = 2.0
QUERY_TIMEOUT_S = 2

log = structlog.get_logger()


class HandlerFailedError(Exception):
    """A handler raised `error`; `header` is that of its event."""

    def __init__(self, header: EventHeader | None, error: Exception) -> None:
        super().__init__("a handler failed")
        self.header = header
        self.error = error


class HandlerBlockedError(Exception):
    """A handler waited LIMIT_S seconds for something other than the database."""


@dataclass(slots=True)
class RunningHandler:
    """`header`: of the event that is being handled; None for a list of events. `since`: in the loop's time."""

    uow: UnitOfWork
    header: EventHeader | None = None
    since: float = 0.0

    def begin(self, header: EventHeader | None, now: float) -> None:
        self.header, self.since = header, now


class HandlerWatch:
    """Runs in the event loop of the handlers. `consumer`: its name, for the log."""

    def __init__(self, consumer: str, database: Database) -> None:
        self._consumer = consumer
        self._database = database
        self._running: tuple[RunningHandler, asyncio.Timeout] | None = None
        self._last: RunningHandler | None = None

    @asynccontextmanager
    async def limit(self, uow: UnitOfWork) -> AsyncIterator[RunningHandler]:
        """Around the handlers of a batch, for each of which `begin` is called. Raises HandlerBlockedError."""
        running, timeout = RunningHandler(uow), asyncio.timeout(None)
        self._running, self._last = (running, timeout), running
        try:
            async with timeout:
                yield running
        except TimeoutError:
            if timeout.expired():
                raise HandlerBlockedError from None
            raise
        finally:
            self._running = None

    async def check(self) -> None:
        """One round; repeated while the consumer runs."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        late_s = now - begun - INTERVAL_S
        if late_s > LATE_S and self._last and begun <= self._last.since:
            log.error("consumer.process_blocked", blocked_s=round(late_s, 1), **self._fields(self._last))
        if not self._running:
            return
        running, timeout = self._running
        since = running.since
        if not since or now - since < LIMIT_S or not await self._sends_nothing(running.uow.db.get_server_pid()):
            return
        if self._running == (running, timeout) and running.since == since:
            log.error("consumer.handler_blocked", waited_s=round(now - since, 1), **self._fields(running))
            timeout.reschedule(now)

    async def _sends_nothing(self, server_pid: int) -> bool:
        """Whether this session sent no statement for LIMIT_S seconds; False if the database does not answer."""
        try:
            async with self._database.pool.acquire(timeout=QUERY_TIMEOUT_S) as connection:
                idle = await connection.fetchval(
                    """
                    SELECT state <> 'active' AND state_change < clock_timestamp() - make_interval(secs => $2)
                    FROM pg_stat_activity WHERE pid = $1
                    """,
                    server_pid,
                    LIMIT_S,
                    timeout=QUERY_TIMEOUT_S,
                )
        except TRANSIENT_ERRORS:
            return False
        return idle is not False  # no such session: the server ended it

    def _fields(self, running: RunningHandler) -> dict[str, Any]:
        header = running.header
        return {
            "consumer": self._consumer,
            "event_id": str(header.id) if header else "",
            "type": header.type if header else "",
        }
