"""A unit of work: one transaction with its time, new ids, events to emit and jobs to enqueue.

Invariants: an event is emitted and a job enqueued only if the transaction commits. Code that holds a unit of work calls
no other system. What waits to be written goes with the next statement that writes or records results, in one round
trip.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import structlog
from opentelemetry.context import Context, attach, detach, get_current
from sqlmodel.ext.asyncio.session import AsyncSession

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence import outbox
from wanderamt.backbone.persistence.outbox import OutboxRow, Statement
from wanderamt.backbone.persistence.session import open_session
from wanderamt.contracts import Event
from wanderamt.kernel.decision import Job

log = structlog.get_logger()

PendingLine: TypeAlias = tuple[Context, str, dict[str, object]]
PendingJob: TypeAlias = tuple[UUID, Job, dict[str, str], datetime]
"""(id, job, trace context, due time)."""


class RowLockedError(Exception):
    """Another transaction holds a row that must not be waited for, see UnitOfWork.skip_locked."""


class UnitOfWork:
    """`suppress_outbox`: state is written, events and jobs are discarded; for rebuilding a projection from the log.

    Events and jobs carry the current trace, see `tracing.message_context`. `db`: the asyncpg connection, for
    hand-written statements; `session`: SQLModel on the same connection, in the same transaction. `locked`: rows that
    this transaction has locked, as it read or saved them last, so that it reads each of them once. `skip_locked`: code
    that locks a row raises RowLockedError instead of waiting.
    """

    def __init__(
        self,
        connection: Any,
        *,
        service_name: str,
        environment: Environment,
        suppress_outbox: bool = False,
        idle_channels: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.db = connection
        self.now: datetime = environment.clock()
        self.channels_to_notify: set[str] = set()
        self.locked: dict[tuple[str, str], Any] = {}
        self.skip_locked = False
        self._service_name = service_name
        self._suppress_outbox = suppress_outbox
        self._idle_channels = idle_channels
        self._new_id = environment.new_id
        self._session: AsyncSession | None = None
        self._pending_writes: dict[object, Statement] = {}
        self._pending_events: list[OutboxRow] = []
        self._pending_jobs: list[PendingJob] = []
        self._pending_lines: list[PendingLine] = []
        self._lines: list[PendingLine] = []

    @property
    def if_locked(self) -> str:
        """For the end of a SELECT … FOR UPDATE."""
        return " SKIP LOCKED" if self.skip_locked else ""

    @property
    def session(self) -> AsyncSession:
        """Opened at its first use. It does not flush by itself: who adds or changes rows calls `session.flush()`."""
        if self._session is None:
            self._session = open_session(self.db)
        return self._session

    def new_id(self) -> UUID:
        """A UUIDv7: sortable by time, generated without the database."""
        return self._new_id()

    async def lock_id(self, kind: str, id_: UUID) -> None:
        """Waits for other transactions that use an id which a caller made, see kernel.caller_ids. Until the commit.

        The caller reads what has the id afterwards, in a statement of its own, which then sees their result.
        """
        await self.db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 4712))", kind, str(id_))

    def emit(self, *events: Event, version: int) -> None:
        """Publishes these events after the commit, in this order. `version`: the aggregate's after the last of them.

        The caller has locked the aggregate's row. Raises PermissionError for a topic of another service (each topic
        has one owner), and outbox.EventTooLargeError for an event that the broker would not accept.
        """
        traceparent = current_trace().get("traceparent", "")
        for event_version, event in enumerate(events, version - len(events) + 1):
            if TOPIC_OWNERS[event.TOPIC] != self._service_name:
                raise PermissionError(
                    f"{self._service_name} may not emit to {event.TOPIC}, it belongs to {TOPIC_OWNERS[event.TOPIC]}"
                )
            self._pending_events.append(outbox.to_row(event, event_version, self.now, traceparent))

    def enqueue(self, *jobs: Job, after_s: float = 0.0) -> None:
        """Runs these jobs after the commit, per key in this order, not before `after_s` seconds have passed."""
        trace = current_trace()
        run_at = self.now + timedelta(seconds=after_s)
        self._pending_jobs.extend((self.new_id(), job, trace, run_at) for job in jobs)

    def log_outcome(self, event: str, **fields: object) -> None:
        """One log line after the commit, under the trace that is current now. Ids, never names."""
        self._pending_lines.append((get_current(), event, fields))

    def write_log(self) -> None:
        """Called after the commit."""
        for context, event, fields in self._lines:
            token = attach(context)
            log.info(event, **fields)
            detach(token)

    def write_later(self, statement: Statement, *, row: object = None) -> None:
        """Writes with the next events, jobs or results, in one statement with them: no round trip of its own.

        Until then, nothing else in this transaction may read or write these rows. `row`: of several statements for one
        row the last one counts.
        """
        self._pending_writes[object() if row is None else row] = statement

    async def execute_with_outbox(self, sql: str, *args: object, also: Sequence[Statement] = ()) -> None:
        """Writes state and everything pending in one statement: half the round trips.

        `sql` is one INSERT, UPDATE or DELETE with the arguments `args`; `also`: further statements on other tables.
        """
        writes, rows = self._take_pending()
        values: Sequence[object] = args
        if writes or also:
            sql, values = outbox.combine_statements([(sql, args), *also, *writes], rows)
        elif rows:
            sql, values = outbox.insert_with_statement(sql, args, rows)
        await self.db.execute(sql, *values)

    async def fetch_with_outbox(self, sql: str, *args: object) -> Any:
        """The rows that `sql` returns; everything pending is written in the same statement.

        `sql` is one INSERT, UPDATE or DELETE with RETURNING, or a SELECT of rows that nothing pending writes.
        """
        writes, rows = self._take_pending()
        if rows:
            writes.append(outbox.insert_statement(rows))
        sql, values = outbox.combine_statements([*writes, (sql, args)], [])
        return await self.db.fetch(sql, *values)

    async def flush(self) -> None:
        """Writes changed rows of the session, then everything that is still pending. Called before each commit and each
        release of a savepoint."""
        if self._session is not None:
            await self._session.flush()
        writes, rows = self._take_pending()
        if writes or rows:
            sql, args = outbox.combine_statements(writes, rows) if writes else outbox.insert_statement(rows)
            await self.db.execute(sql, *args)

    def will_claim(self, job: type[Job]) -> bool:
        """Whether this transaction, at its end, claims the due jobs of this queue that it enqueues: their handler is
        idle. Who knows that can lock what the handler's admission locks with a statement of its own."""
        return job_channel(job.QUEUE) in self._idle_channels()

    def channels_of_due_jobs(self) -> set[str]:
        """The channels of the jobs that this transaction has enqueued and that are due."""
        pending = {job_channel(job.QUEUE) for _, job, _, run_at in self._pending_jobs if run_at <= self.now}
        return (self.channels_to_notify - {outbox.CHANNEL}) | (set() if self._suppress_outbox else pending)

    def take_due_jobs(self, queue: str) -> list[PendingJob]:
        """Removes the due jobs of this queue that are not written yet, except those behind one of their key that is not
        due: the caller writes them, or puts them back."""
        due: list[PendingJob] = []
        others: list[PendingJob] = []
        waiting: set[str] = set()
        for pending in self._pending_jobs:
            _, job, _, run_at = pending
            of_queue = queue == job.QUEUE
            if of_queue and run_at <= self.now and job.key not in waiting:
                due.append(pending)
                continue
            others.append(pending)
            if of_queue:
                waiting.add(job.key)
        self._pending_jobs = others
        return due

    def put_back_jobs(self, jobs: Sequence[PendingJob]) -> None:
        self._pending_jobs = [*jobs, *self._pending_jobs]

    def discard_pending(self) -> None:
        """Drops what was added since the last flush, all rows of the session and what is known of locked rows, because
        their savepoint was rolled back."""
        self._clear_pending()
        self._pending_writes, self.locked = {}, {}
        if self._session is not None:
            self._session.sync_session.close()  # needs no server: the session owns neither connection nor transaction
            self._session = None

    def _clear_pending(self) -> None:
        self._pending_events, self._pending_jobs, self._pending_lines = [], [], []

    def _take_pending(self) -> tuple[list[Statement], list[OutboxRow]]:
        """(the pending writes, with the one that inserts the jobs; the events). The caller writes them."""
        if self._suppress_outbox:
            self._clear_pending()
        writes, rows, jobs = list(self._pending_writes.values()), self._pending_events, self._pending_jobs
        self._lines += self._pending_lines
        self._clear_pending()
        self._pending_writes = {}
        if rows:
            self.channels_to_notify.add(outbox.CHANNEL)
        if jobs:
            writes.append(_insert_jobs_statement(jobs))
            self.channels_to_notify.update(job_channel(job.QUEUE) for _, job, _, run_at in jobs if run_at <= self.now)
        return writes, rows


def job_channel(queue: str) -> str:
    """A new job wakes the handler of its queue and no other. PostgreSQL allows 63 bytes."""
    return f"job_{queue}"[:63]


def rows_changed(status: str) -> int:
    """The count in a statement's status, such as "UPDATE 3"."""
    return int(status.rpartition(" ")[2])


def _insert_jobs_statement(jobs: Sequence[PendingJob]) -> Statement:
    """One INSERT for all jobs. A job whose key has a failed job is inserted as blocked."""
    return _INSERT_JOBS, job_columns(jobs)


def job_columns(jobs: Sequence[PendingJob]) -> Sequence[Any]:
    """Arrays of id, queue, key, body, trace_context, run_at and deadline."""
    return (
        [id_ for id_, *_ in jobs],
        [job.QUEUE for _, job, *_ in jobs],
        [job.key for _, job, *_ in jobs],
        [job.model_dump(mode="json") for _, job, *_ in jobs],
        [trace for _, _, trace, _ in jobs],
        [run_at for *_, run_at in jobs],
        [run_at + timedelta(seconds=job.DEADLINE_S) for _, job, _, run_at in jobs],
    )


_INSERT_JOBS = """
    INSERT INTO job (id, queue, key, body, trace_context, run_at, deadline, status)
    SELECT id, queue, key, body, trace_context, run_at, deadline,
           CASE WHEN (SELECT true FROM job f WHERE f.status = 'failed' AND f.queue = j.queue AND f.key = j.key LIMIT 1)
                THEN 'blocked' ELSE 'todo' END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
         WITH ORDINALITY AS j(id, queue, key, body, trace_context, run_at, deadline, place)
    ORDER BY place
"""
