"""One transaction with what belongs to it: the time, new ids, events to tell, jobs to do.

Kept true: nothing emitted or enqueued leaves unless the transaction commits. Whoever has `work` calls nobody outside.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from wanderamt.backbone import outbox
from wanderamt.backbone.outbox import Row, Statement
from wanderamt.backbone.sources import Sources
from wanderamt.backbone.topics import OWNERS
from wanderamt.backbone.tracing import current_trace
from wanderamt.contracts import Event
from wanderamt.kernel.decision import Job

JOB_CHANNEL = "wanderamt_job"

Enqueued: TypeAlias = tuple[UUID, Job, dict[str, str], datetime]


class Work:
    """`carried`: the trace of the message at hand, where no span of it is recorded.

    `quiet`: state is written, nothing is told and nothing is done; for rebuilding a projection from the log.
    """

    def __init__(self, connection: Any, *, owner: str, sources: Sources, quiet: bool = False) -> None:
        self.db = connection
        self.now: datetime = sources.clock()
        self.woken: set[str] = set()
        self.carried: Mapping[str, str] | None = None
        self._owner = owner
        self._quiet = quiet
        self._new_id = sources.new_id
        self._outgoing: list[Row] = []
        self._jobs: list[Enqueued] = []

    def new_id(self) -> UUID:
        """A UUIDv7: sortable by time, made without asking the database."""
        return self._new_id()

    def emit(self, *events: Event, version: int) -> None:
        """Tells these facts after the commit, in this order. `version` is the aggregate's after the last of them.

        The caller has locked the aggregate's row. Raises PermissionError for a topic of another service: one owner
        per topic; outbox.EventTooLarge for an event that no broker would take.
        """
        traceparent = self._trace().get("traceparent", "")
        for of_event, event in enumerate(events, version - len(events) + 1):
            if OWNERS[event.TOPIC] != self._owner:
                raise PermissionError(
                    f"{self._owner} may not emit to {event.TOPIC}, it belongs to {OWNERS[event.TOPIC]}"
                )
            self._outgoing.append(outbox.row_of(event, of_event, self.now, traceparent))

    def enqueue(self, *jobs: Job, after_s: float = 0.0) -> None:
        """Does this work after the commit, per key in this order, not before `after_s` seconds have passed."""
        trace = self._trace()
        run_at = self.now + timedelta(seconds=after_s)
        self._jobs.extend((self.new_id(), job, trace, run_at) for job in jobs)

    async def save(self, sql: str, *args: object, beside: Sequence[Statement] = ()) -> None:
        """Writes state, and whatever was emitted and enqueued so far, in one statement: half the round trips.

        `sql` is one INSERT, UPDATE or DELETE whose arguments are `args`; `beside` are others, of other tables.
        """
        writes, rows = self._take()
        values: Sequence[object] = args
        if writes or beside:
            sql, values = outbox.together([(sql, args), *beside, *writes], rows)
        elif rows:
            sql, values = outbox.insertion_with(sql, args, rows)
        await self.db.execute(sql, *values)

    async def flush(self) -> None:
        """Writes what was emitted and enqueued, if `save` did not yet. Called before each commit and savepoint."""
        writes, rows = self._take()
        if writes or rows:
            sql, args = outbox.together(writes, rows) if writes else outbox.insertion(rows)
            await self.db.execute(sql, *args)

    def forget(self) -> None:
        """Drops what was emitted and enqueued since the last flush: its savepoint was rolled back."""
        self._outgoing, self._jobs = [], []

    def _take(self) -> tuple[list[Statement], list[Row]]:
        """The statement that enqueues, if there are jobs, and the events: whoever takes them writes them."""
        if self._quiet:
            self.forget()
        rows, jobs = self._outgoing, self._jobs
        self.forget()
        if rows:
            self.woken.add(outbox.CHANNEL)
        if jobs:
            self.woken.add(JOB_CHANNEL)
        return ([_enqueueing(jobs)] if jobs else []), rows

    def _trace(self) -> dict[str, str]:
        return dict(self.carried) if self.carried else current_trace()


def rows_changed(status: str) -> int:
    """Of a statement's status, such as "UPDATE 3"."""
    return int(status.rpartition(" ")[2])


def _enqueueing(jobs: Sequence[Enqueued]) -> Statement:
    """One INSERT for all of them, with its arguments. A job whose key has a dead one steps behind it."""
    return _ENQUEUE, (
        [id_ for id_, *_ in jobs],
        [job.QUEUE for _, job, *_ in jobs],
        [job.key for _, job, *_ in jobs],
        [job.model_dump(mode="json") for _, job, *_ in jobs],
        [trace for _, _, trace, _ in jobs],
        [run_at for *_, run_at in jobs],
        [run_at + timedelta(seconds=job.DEADLINE_S) for _, job, _, run_at in jobs],
    )


_ENQUEUE = """
    INSERT INTO job (id, queue, key, body, trace, run_at, deadline, behind)
    SELECT id, queue, key, body, trace, run_at, deadline,
           EXISTS (SELECT 1 FROM job d WHERE d.dead AND d.queue = j.queue AND d.key = j.key)
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::timestamptz[])
         WITH ORDINALITY AS j(id, queue, key, body, trace, run_at, deadline, place)
    ORDER BY place
"""
