"""A unit of work: one transaction with its time, new ids, events to emit and jobs to enqueue.

Invariants: an event is emitted and a job enqueued only if the transaction commits. Code that holds a unit of work calls
no other system.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS
from wanderamt.backbone.observability.tracing import current_trace
from wanderamt.backbone.persistence import outbox
from wanderamt.backbone.persistence.outbox import OutboxRow, Statement
from wanderamt.contracts import Event
from wanderamt.kernel.decision import Job

JOB_CHANNEL = "wanderamt_job"

PendingJob: TypeAlias = tuple[UUID, Job, dict[str, str], datetime]
"""(id, job, trace context, due time)."""


class UnitOfWork:
    """`message_trace`: the trace of the message that is being handled, when no span of it is recorded.

    `suppress_outbox`: state is written, events and jobs are discarded; for rebuilding a projection from the log.
    """

    def __init__(
        self, connection: Any, *, service_name: str, environment: Environment, suppress_outbox: bool = False
    ) -> None:
        self.db = connection
        self.now: datetime = environment.clock()
        self.channels_to_notify: set[str] = set()
        self.message_trace: Mapping[str, str] | None = None
        self._service_name = service_name
        self._suppress_outbox = suppress_outbox
        self._new_id = environment.new_id
        self._pending_events: list[OutboxRow] = []
        self._pending_jobs: list[PendingJob] = []

    def new_id(self) -> UUID:
        """A UUIDv7: sortable by time, generated without the database."""
        return self._new_id()

    def emit(self, *events: Event, version: int) -> None:
        """Publishes these events after the commit, in this order. `version`: the aggregate's after the last of them.

        The caller has locked the aggregate's row. Raises PermissionError for a topic of another service (each topic
        has one owner), and outbox.EventTooLargeError for an event that the broker would not accept.
        """
        traceparent = self._trace().get("traceparent", "")
        for event_version, event in enumerate(events, version - len(events) + 1):
            if TOPIC_OWNERS[event.TOPIC] != self._service_name:
                raise PermissionError(
                    f"{self._service_name} may not emit to {event.TOPIC}, it belongs to {TOPIC_OWNERS[event.TOPIC]}"
                )
            self._pending_events.append(outbox.to_row(event, event_version, self.now, traceparent))

    def enqueue(self, *jobs: Job, after_s: float = 0.0) -> None:
        """Runs these jobs after the commit, per key in this order, not before `after_s` seconds have passed."""
        trace = self._trace()
        run_at = self.now + timedelta(seconds=after_s)
        self._pending_jobs.extend((self.new_id(), job, trace, run_at) for job in jobs)

    async def execute_with_outbox(self, sql: str, *args: object, also: Sequence[Statement] = ()) -> None:
        """Writes state and all pending events and jobs in one statement: half the round trips.

        `sql` is one INSERT, UPDATE or DELETE with the arguments `args`; `also`: further statements on other tables.
        """
        writes, rows = self._take_pending()
        values: Sequence[object] = args
        if writes or also:
            sql, values = outbox.combine_statements([(sql, args), *also, *writes], rows)
        elif rows:
            sql, values = outbox.insert_with_statement(sql, args, rows)
        await self.db.execute(sql, *values)

    async def flush(self) -> None:
        """Writes pending events and jobs that `execute_with_outbox` did not write yet. Called before each commit and
        each release of a savepoint."""
        writes, rows = self._take_pending()
        if writes or rows:
            sql, args = outbox.combine_statements(writes, rows) if writes else outbox.insert_statement(rows)
            await self.db.execute(sql, *args)

    def discard_pending(self) -> None:
        """Drops events and jobs added since the last flush, because their savepoint was rolled back."""
        self._pending_events, self._pending_jobs = [], []

    def _take_pending(self) -> tuple[list[Statement], list[OutboxRow]]:
        """(the statement that inserts the jobs, if any; the events). The caller writes them."""
        if self._suppress_outbox:
            self.discard_pending()
        rows, jobs = self._pending_events, self._pending_jobs
        self.discard_pending()
        if rows:
            self.channels_to_notify.add(outbox.CHANNEL)
        if jobs:
            self.channels_to_notify.add(JOB_CHANNEL)
        return ([_insert_jobs_statement(jobs)] if jobs else []), rows

    def _trace(self) -> dict[str, str]:
        return dict(self.message_trace) if self.message_trace else current_trace()


def rows_changed(status: str) -> int:
    """The count in a statement's status, such as "UPDATE 3"."""
    return int(status.rpartition(" ")[2])


def _insert_jobs_statement(jobs: Sequence[PendingJob]) -> Statement:
    """One INSERT for all jobs. A job whose key has a failed job is inserted as blocked."""
    return _INSERT_JOBS, (
        [id_ for id_, *_ in jobs],
        [job.QUEUE for _, job, *_ in jobs],
        [job.key for _, job, *_ in jobs],
        [job.model_dump(mode="json") for _, job, *_ in jobs],
        [trace for _, _, trace, _ in jobs],
        [run_at for *_, run_at in jobs],
        [run_at + timedelta(seconds=job.DEADLINE_S) for _, job, _, run_at in jobs],
    )


_INSERT_JOBS = """
    INSERT INTO job (id, queue, key, body, trace_context, run_at, deadline, blocked)
    SELECT id, queue, key, body, trace_context, run_at, deadline,
           EXISTS (SELECT 1 FROM job d WHERE d.failed AND d.queue = j.queue AND d.key = j.key)
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
         WITH ORDINALITY AS j(id, queue, key, body, trace_context, run_at, deadline, place)
    ORDER BY place
"""
