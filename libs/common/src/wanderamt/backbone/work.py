"""One transaction with what belongs to it: the time, new ids, events to tell, jobs to do.

Kept true: nothing emitted or enqueued leaves unless the transaction commits. Whoever has `work` calls nobody outside.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opentelemetry import propagate, trace

from wanderamt.backbone import outbox
from wanderamt.backbone.outbox import Outgoing
from wanderamt.backbone.sources import Sources
from wanderamt.backbone.topics import OWNERS
from wanderamt.contracts import Event, Head
from wanderamt.kernel.decision import Job

JOB_CHANNEL = "wanderamt_job"

tracer = trace.get_tracer(__name__)


def current_trace() -> dict[str, str]:
    """The current span as W3C trace context, to travel in rows and headers."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def traced(name: str, traceparent: str | None) -> Iterator[None]:
    """A span under the trace that a message brought along, or under the current one if it brought none."""
    context = propagate.extract({"traceparent": traceparent}) if traceparent else None
    with tracer.start_as_current_span(name, context=context):
        yield


class Work:
    def __init__(self, connection: Any, *, owner: str, sources: Sources) -> None:
        self.db = connection
        self.now: datetime = sources.clock()
        self.woken: set[str] = set()
        self._owner = owner
        self._new_id = sources.new_id
        self._outgoing: list[Outgoing] = []
        self._jobs: list[tuple[UUID, Job, dict[str, str]]] = []

    def new_id(self) -> UUID:
        """A UUIDv7: sortable by time, made without asking the database."""
        return self._new_id()

    def emit(self, *events: Event, version: int) -> None:
        """Tells these facts after the commit, in this order. `version` is the aggregate's after the last of them.

        Raises PermissionError for a topic of another service: one owner per topic.
        """
        trace = current_trace()
        for place, event in enumerate(events, start=1):
            if OWNERS[event.TOPIC] != self._owner:
                raise PermissionError(
                    f"{self._owner} may not emit to {event.TOPIC}, it belongs to {OWNERS[event.TOPIC]}"
                )
            head = Head(
                id=self.new_id(),
                type=event.TYPE,
                source=f"/wanderamt/{self._owner}",
                subject=event.aggregate,
                time=self.now,
                sequence=version - len(events) + place,
                trace=trace,
            )
            self._outgoing.append(Outgoing(event, head))

    def enqueue(self, *jobs: Job) -> None:
        """Does this work after the commit, per key in this order."""
        trace = current_trace()
        self._jobs.extend((self.new_id(), job, trace) for job in jobs)

    async def flush(self) -> None:
        """Writes what was emitted and enqueued: two statements at most. Called before each commit and savepoint."""
        if self._outgoing:
            await outbox.insert(self.db, self._outgoing)
            self.woken.add(outbox.CHANNEL)
            self._outgoing = []
        if self._jobs:
            await self._insert_jobs(self._jobs)
            self.woken.add(JOB_CHANNEL)
            self._jobs = []

    def forget(self) -> None:
        """Drops what was emitted and enqueued since the last flush: its savepoint was rolled back."""
        self._outgoing, self._jobs = [], []

    async def _insert_jobs(self, jobs: Iterable[tuple[UUID, Job, dict[str, str]]]) -> None:
        rows = list(jobs)
        await self.db.execute(
            """
            INSERT INTO job (id, queue, key, body, trace, run_at, deadline)
            SELECT id, queue, key, body, trace, $6, deadline
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $7::timestamptz[])
                 WITH ORDINALITY AS j(id, queue, key, body, trace, deadline, place)
            ORDER BY place
            """,
            [id_ for id_, _, _ in rows],
            [job.QUEUE for _, job, _ in rows],
            [job.key for _, job, _ in rows],
            [job.model_dump(mode="json") for _, job, _ in rows],
            [trace for _, _, trace in rows],
            self.now,
            [self.now + timedelta(seconds=job.DEADLINE_S) for _, job, _ in rows],
        )
