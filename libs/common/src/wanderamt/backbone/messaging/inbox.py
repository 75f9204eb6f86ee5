"""Consumes Kafka records: one transaction per batch, each event once in effect, in order per aggregate.

Invariants: offsets are committed after the database transaction, never before; effects happen once (see
`deduplication`). When a handler fails, the batch runs again with that aggregate as a dead letter; if the batch still
fails, its records run one at a time. A transient error (database, broker) is retried without end and shown in health.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind

from wanderamt.backbone.messaging.dead_letter import (
    BLOCKED_BY_EARLIER,
    DeadLetterState,
    FailureCause,
    RawRecord,
    cause_of,
    still_blocked,
    store_dead_letter,
)
from wanderamt.backbone.messaging.deduplication import Deduplicator, InboxState, PartitionKey, end_offsets
from wanderamt.backbone.messaging.lag_monitor import LagMonitor
from wanderamt.backbone.messaging.offset_committer import COMMIT_INTERVAL_S, OffsetCommitter
from wanderamt.backbone.messaging.records import ReceivedEvent, RecordDecoder, raw_record
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.observability.tracing import is_sampled, span_in_context
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.supervision import backoff_s, run_forever
from wanderamt.contracts import Event, EventHeader, InvalidEventError

Handler = Callable[[Any, UnitOfWork], Awaitable[object]]

MAX_FAILED_AGGREGATES = 4  # per batch; with more, its records run one at a time
STUCK_AFTER_S = 30.0
CHECK_INTERVAL_S = 5.0
MAX_COMMITS_FAILED = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BatchHandler:
    """A handler that takes the events of a batch as one list, in order: for projections that write in bulk.

    Events of several types that share one BatchHandler come in one list, in their order of arrival. `with_headers`:
    the list holds ReceivedEvents; the handler sets `uow.message_trace` to the trace of the event before it emits or
    enqueues something for it.
    """

    handler: Callable[[list[Any], UnitOfWork], Awaitable[object]]
    with_headers: bool = False


class HandlerFailedError(Exception):
    """A handler raised `error`; `header` is that of its event."""

    def __init__(self, header: EventHeader | None, error: Exception) -> None:
        super().__init__("a handler failed")
        self.header = header
        self.error = error


class MixedBatchError(Exception):
    """A batch holds readable and unreadable records of one aggregate: only one at a time keeps their order."""


@dataclass
class Inbox:
    """`consumer` is the Kafka group and the name in the inbox tables; `event_handlers` maps event types to handlers.

    `linger_s`: how long to wait for more records once some arrived, where nobody waits for the effect: fewer
    transactions. `rebuilding`: handlers write state, but events and jobs are discarded.
    """

    consumer: str
    event_handlers: Mapping[type[Event], Handler | BatchHandler]
    database: Database
    bootstrap_servers: str
    topics: Topics
    rebuilding: bool = False
    linger_s: float = 0.0
    health_problem: str = "not started"
    handled: int = 0
    deduplicator: Deduplicator = field(init=False)
    _broker: Any = None
    _subscriber: Any = None
    _decoder: RecordDecoder = field(init=False)
    _committer: OffsetCommitter = field(init=False)
    _skipped_offsets: dict[PartitionKey, int] = field(default_factory=dict)
    _background_tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _client_error: str = ""

    def __post_init__(self) -> None:
        self.deduplicator = Deduplicator(self.consumer)
        self._decoder = RecordDecoder(self.event_handlers, self.topics)
        self._committer = OffsetCommitter(self.consumer)

    def _create_broker(self) -> None:
        # loaded here: FastStream is a tenth of a service's import time, and operators' commands start no consumer
        from wanderamt.backbone.messaging.subscriber import create_subscriber

        self._broker, self._subscriber = create_subscriber(
            self.bootstrap_servers,
            sorted({self.topics.name(event.TOPIC) for event in self.event_handlers}),
            self._on_batch,
            group=self.topics.name(self.consumer),
            linger_s=self.linger_s,
            on_client_error=self._note_client_error,
        )
        self._client_error = ""

    def _note_client_error(self, error: Exception) -> None:
        self._client_error = f"stuck: the Kafka client fails with {type(error).__name__}"

    async def start(self) -> None:
        self._create_broker()
        await self._broker.start()
        self.health_problem = ""
        for name, body in (("inbox-watch", self._watch_progress), ("inbox-offsets", self._commit_offsets)):
            self._background_tasks.append(asyncio.create_task(run_forever(name, body), name=f"{name}-{self.consumer}"))

    async def stop(self) -> None:
        for task in self._background_tasks:
            task.cancel()
        await asyncio.gather(*self._background_tasks, return_exceptions=True)
        with suppress(*TRANSIENT_ERRORS):
            await self._commit_processed()
        if self._broker:
            await self._broker.stop()

    async def process_batch(self, records: Sequence[RawRecord]) -> None:
        """Returns when the batch is committed, however long database or broker are unavailable."""
        failures = 0
        while True:
            try:
                await self._process_once(records)
                self.health_problem = ""
                return
            except TRANSIENT_ERRORS as error:
                log.warning("consumer.retrying", consumer=self.consumer, error=type(error).__name__, failures=failures)
                self.health_problem = f"{type(error).__name__}: events wait on the topic"
            except Exception as error:
                # nothing may be skipped: to continue would commit offsets past these records
                log.exception("consumer.blocked", consumer=self.consumer)
                self.health_problem = (
                    f"{type(error).__name__}: a batch cannot be processed, and the consumer is blocked until it can"
                )
            await asyncio.sleep(backoff_s(failures))
            failures += 1

    async def reprocess(self, record: RawRecord, uow: UnitOfWork) -> bool:
        """Handles a dead letter; False when it is stale. Raises HandlerFailedError; transient errors unchanged."""
        events, unreadable = self._decoder.decode([record])
        for *_, cause in unreadable:
            raise HandlerFailedError(None, InvalidEventError(cause.reason))
        for event in events:
            await self.deduplicator.lookup([event], uow, dead_letters=True)
            version = await uow.db.fetchval(
                "SELECT version FROM inbox_version WHERE consumer = $1 AND aggregate = $2 FOR UPDATE",
                self.consumer,
                event.header.subject,
            )
            if event.header.sequence <= (version or 0):
                return False
            await self._handle([event], uow)
            await self.deduplicator.save([event], [], uow)
        return bool(events)

    async def flush_watermarks(self) -> None:
        """Advances the watermarks past records that this consumer ignores.

        Runs a few times per second instead of once per batch.
        """
        if skipped := dict(self._skipped_offsets):
            async with self.database.unit_of_work(suppress_outbox=self.rebuilding) as uow:
                await self.deduplicator.advance_watermarks(skipped, uow)
            self._skipped_offsets = {key: end for key, end in self._skipped_offsets.items() if skipped.get(key) != end}

    async def _on_batch(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        await self.process_batch([raw_record(record) for record in records])
        self._committer.add(records)

    async def _commit_offsets(self) -> None:
        await asyncio.sleep(COMMIT_INTERVAL_S)
        await self._commit_processed()

    async def _commit_processed(self) -> None:
        await self.flush_watermarks()
        await self._committer.commit(self._subscriber.consumer if self._subscriber else None)

    async def _process_once(self, records: Sequence[RawRecord]) -> None:
        poisoned: dict[UUID, tuple[UUID, FailureCause]] = {}
        while len(poisoned) <= MAX_FAILED_AGGREGATES:
            try:
                await self._process_in_one_transaction(records, poisoned)
                return
            except TRANSIENT_ERRORS:
                raise
            except HandlerFailedError as failure:
                header = failure.header
                if not header:
                    raise
                poisoned[header.subject] = (header.id, cause_of(failure.error, header.type))
                log.warning("consumer.handler_failed", consumer=self.consumer, event_id=str(header.id))
            except Exception as error:
                log.warning("consumer.batch_failed", consumer=self.consumer, error=type(error).__name__)
                break
        async with self.database.unit_of_work(suppress_outbox=self.rebuilding) as uow:
            for record in await self.deduplicator.after_watermark(records, uow):
                await self._process_alone(record, uow)
            await self.deduplicator.save([], records, uow)

    async def _process_in_one_transaction(
        self, records: Sequence[RawRecord], poisoned: dict[UUID, tuple[UUID, FailureCause]]
    ) -> None:
        """`poisoned`: aggregate → the event whose handler failed, and why. It and its successors are dead letters."""
        events, unreadable = self._decoder.decode(records)
        if not events and not unreadable:
            self._skipped_offsets |= end_offsets(records)
            return
        async with self.database.unit_of_work(suppress_outbox=self.rebuilding) as uow:
            if unreadable:
                new = set(await self.deduplicator.after_watermark([record for record, *_ in unreadable], uow))
                unreadable = [entry for entry in unreadable if entry[0] in new]
            if {subject for _, subject, *_ in unreadable} & {event.header.subject for event in events}:
                raise MixedBatchError
            for record, subject, type_, cause in unreadable:
                await self._store_unreadable(record, subject, type_, cause, uow)
            states = await self.deduplicator.lookup(events, uow)
            failed: set[UUID] = set()
            healthy: list[ReceivedEvent] = []
            for event in self.deduplicator.not_stale(self.deduplicator.not_duplicate(events, states), states):
                subject = event.header.subject
                if subject not in failed and poisoned.get(subject, (None,))[0] != event.header.id:
                    healthy.append(event)
                    continue
                if subject in failed:
                    await self._store_dead_letter(event, uow, state=DeadLetterState.BLOCKED, cause=BLOCKED_BY_EARLIER)
                else:
                    await self._store_dead_letter(event, uow, state=DeadLetterState.FAILED, cause=poisoned[subject][1])
                failed.add(subject)
            handled = await self._without_blocked(healthy, states, uow)
            await self._handle(handled, uow)
            await self.deduplicator.save(handled, records, uow)

    async def _without_blocked(
        self, events: list[ReceivedEvent], states: Mapping[UUID, InboxState], uow: UnitOfWork
    ) -> list[ReceivedEvent]:
        """Stores events of blocked aggregates as dead letters, returns the others."""
        suspects = {event.header.subject for event in events if states[event.header.id].blocked}
        if not suspects:
            return events
        blocked = await still_blocked(uow.db, self.consumer, suspects)
        for event in events:
            if event.header.subject in blocked:
                await self._store_dead_letter(event, uow, state=DeadLetterState.BLOCKED, cause=BLOCKED_BY_EARLIER)
        return [event for event in events if event.header.subject not in blocked]

    async def _handle(self, events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
        """Raises HandlerFailedError from the handler's error; transient errors unchanged."""
        batches: dict[int, tuple[BatchHandler, list[ReceivedEvent]]] = {}
        for event in events:
            handler = self.event_handlers[type(event.event)]
            if isinstance(handler, BatchHandler):
                batches.setdefault(id(handler), (handler, []))[1].append(event)
            else:
                await self._handle_one(handler, event, uow)
        for batch_handler, batch in batches.values():
            await self._handle_batch(batch_handler, batch, uow)
        self.handled += len(events)

    async def _handle_one(self, handler: Handler, event: ReceivedEvent, uow: UnitOfWork) -> None:
        header = event.header
        try:
            if not is_sampled(header.trace):
                uow.message_trace = header.trace
                await handler(event.event, uow)
                return
            uow.message_trace = None
            name = f"{self.consumer} on {type(event.event).__name__}"
            attributes = {"messaging.system": "kafka", "ce.type": header.type, "aggregate": str(header.subject)}
            with span_in_context(header.trace, name, kind=SpanKind.CONSUMER, attributes=attributes):
                await handler(event.event, uow)
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:
            raise HandlerFailedError(header, error) from error
        finally:
            uow.message_trace = None

    async def _handle_batch(
        self, batch_handler: BatchHandler, events: Sequence[ReceivedEvent], uow: UnitOfWork
    ) -> None:
        try:
            await batch_handler.handler(
                list(events) if batch_handler.with_headers else [event.event for event in events], uow
            )
            uow.message_trace = None
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:
            if len(events) == 1:
                raise HandlerFailedError(events[0].header, error) from error
            raise

    async def _process_alone(self, record: RawRecord, uow: UnitOfWork) -> None:
        events, unreadable = self._decoder.decode([record])
        for _, subject, type_, cause in unreadable:
            await self._store_unreadable(record, subject, type_, cause, uow)
        for event in events:
            try:
                async with uow.db.transaction():
                    states = await self.deduplicator.lookup([event], uow)
                    handled = await self._without_blocked(
                        self.deduplicator.not_stale(self.deduplicator.not_duplicate([event], states), states),
                        states,
                        uow,
                    )
                    await self._handle(handled, uow)
                    await self.deduplicator.save(handled, [], uow)
                    await uow.flush()
            except TRANSIENT_ERRORS:
                raise
            except Exception as error:
                uow.discard_pending()
                await self.deduplicator.lookup([event], uow)
                original = error.error if isinstance(error, HandlerFailedError) else error
                cause = cause_of(original, event.header.type)
                await self._store_dead_letter(event, uow, state=DeadLetterState.FAILED, cause=cause)

    async def _store_unreadable(
        self, record: RawRecord, subject: UUID | None, type_: str, cause: FailureCause, uow: UnitOfWork
    ) -> None:
        """`unreadable` when its aggregate is not known; `failed` when it is, so that the aggregate's order holds."""
        state = DeadLetterState.FAILED if subject else DeadLetterState.UNREADABLE
        log.error(
            "consumer.record_unreadable", consumer=self.consumer, topic=record.topic, offset=record.offset, state=state
        )
        await store_dead_letter(uow.db, self.consumer, record, aggregate=subject, type_=type_, state=state, cause=cause)

    async def _store_dead_letter(
        self, event: ReceivedEvent, uow: UnitOfWork, *, state: DeadLetterState, cause: FailureCause
    ) -> None:
        header = event.header
        log.error(
            "consumer.dead_letter", consumer=self.consumer, event_id=str(header.id), type=header.type, state=state
        )
        await store_dead_letter(
            uow.db, self.consumer, event.record, aggregate=header.subject, type_=header.type, state=state, cause=cause
        )

    async def _watch_progress(self) -> None:
        """Replaces a consumer that is alive but makes no progress while records wait."""
        monitor = LagMonitor(STUCK_AFTER_S)
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            stuck = await self._stuck_reason(monitor)
            if not stuck:
                self.health_problem = "" if self.health_problem.startswith("stuck") else self.health_problem
                continue
            self.health_problem = stuck
            log.error("consumer.stuck", consumer=self.consumer, stuck=stuck)
            await self._recreate_consumer()
            monitor = LagMonitor(STUCK_AFTER_S)

    async def _stuck_reason(self, monitor: LagMonitor) -> str:
        if self._committer.failures >= MAX_COMMITS_FAILED:
            return f"stuck: {self._committer.failures} commits of offsets failed, the group has lost this consumer"
        if self._subscriber.consumer is None:
            return "stuck: there is no consumer, the attempt to create a new one failed"
        try:
            return self._client_error or await monitor.check(self._subscriber.consumer, self.handled)
        except Exception as error:
            self._note_client_error(error)
            return self._client_error

    async def _recreate_consumer(self) -> None:
        self._committer.failures = 0
        try:
            async with asyncio.timeout(STUCK_AFTER_S):
                await self._broker.stop()
        except Exception as error:
            # a new consumer is needed whatever the old one reports
            log.warning("consumer.close_failed", consumer=self.consumer, error=type(error).__name__)
        self._create_broker()
        await self._broker.start()
