"""Consumes Kafka records: one transaction per batch, each event once in effect, in order per aggregate.

The records come from FastStream (see `subscriber`), from the log (`rebuild`) or from the dead letters (`replay`).

Invariants: offsets are committed after the database transaction, never before; effects happen once (see
`deduplication`). When a handler fails, the batch runs again with that aggregate as a dead letter; if the batch still
fails, its records run one at a time. A transient error (database, broker) is retried without end and shown in health.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord

from wanderamt.backbone.messaging.consumer import BatchHandler, EventConsumer, Handler, Verifier
from wanderamt.backbone.messaging.dead_letter import (
    BLOCKED_BY_EARLIER,
    AggregateKey,
    DeadLetterState,
    FailureCause,
    RawRecord,
    cause_of,
    log_failure,
    still_blocked,
    store_dead_letter,
)
from wanderamt.backbone.messaging.deduplication import Deduplicator, InboxState, PartitionKey, end_offsets
from wanderamt.backbone.messaging.handler_watch import (
    HandlerBlockedError,
    HandlerFailedError,
    HandlerWatch,
    RunningHandler,
)
from wanderamt.backbone.messaging.lag_monitor import LagMonitor
from wanderamt.backbone.messaging.offset_committer import COMMIT_INTERVAL_S, OffsetCommitter
from wanderamt.backbone.messaging.records import Deliver, ReceivedEvent, RecordDecoder, is_mixed, raw_record
from wanderamt.backbone.messaging.rejected import reject_copies, store_unusable
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.observability.messaging_spans import process_batch_span, process_span
from wanderamt.backbone.observability.metrics import Measurement, consumed_messages, repeated_messages
from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database, EarlyClaimError
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.supervision import backoff_s, run_forever
from wanderamt.contracts import Event, InvalidEventError

MAX_FAILED_AGGREGATES = 4  # per batch; with more, its records run one at a time
STUCK_AFTER_S = 30.0
CHECK_INTERVAL_S = 5.0
MAX_COMMITS_FAILED = 3

log = structlog.get_logger()


class MixedBatchError(Exception):
    """Only one record at a time keeps these records apart, see `is_mixed`."""


@dataclass
class Inbox:
    """`declared`: the consumer with its handlers. `rebuilding`: handlers write state; events and jobs are discarded.

    `consumer`: its name in the inbox tables. `authority`: see RecordDecoder. Raises InvalidConsumerError.
    """

    declared: EventConsumer
    database: Database
    bootstrap_servers: str
    topics: Topics
    rebuilding: bool = False
    authority: str = ""
    health_problem: str = "not started"
    handled: int = 0
    consumer: str = field(init=False)
    event_handlers: Mapping[type[Event], Handler | BatchHandler] = field(init=False)
    verified: Mapping[type[Event], Verifier] = field(init=False)
    deduplicator: Deduplicator = field(init=False)
    _application: Any = None
    _subscriber: Any = None
    _decoder: RecordDecoder = field(init=False)
    _committer: OffsetCommitter = field(init=False)
    _handler_watch: HandlerWatch = field(init=False)
    _consumed: dict[str, str] = field(init=False)
    _lag_monitor: LagMonitor = field(default_factory=lambda: LagMonitor(STUCK_AFTER_S))
    _skipped_offsets: dict[PartitionKey, int] = field(default_factory=dict)
    _background_tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _client_error: str = ""

    def __post_init__(self) -> None:
        self.consumer = self.declared.name
        self.event_handlers, self.verified = self.declared.handlers, self.declared.verifiers
        self.deduplicator = Deduplicator(self.consumer)
        self._decoder = RecordDecoder(self.event_handlers, self.topics, self.verified, authority=self.authority)
        self._committer = OffsetCommitter(self.consumer)
        self._consumed = {"messaging.system": "kafka", "messaging.consumer.group.name": self.consumer}
        self._handler_watch = HandlerWatch(self.consumer, self.database)

    async def start(self) -> None:
        await self._start_application()
        self.health_problem = ""
        for name, body in (
            ("inbox-watch", self._watch_progress),
            ("inbox-offsets", self._commit_offsets),
            ("inbox-handlers", self._handler_watch.check),
        ):
            self._background_tasks.append(asyncio.create_task(run_forever(name, body), name=f"{name}-{self.consumer}"))
        log.info("consumer.started", consumer=self.consumer, **self.declared.coverage())

    async def stop(self) -> None:
        for task in self._background_tasks:
            task.cancel()
        await asyncio.gather(*self._background_tasks, return_exceptions=True)
        with suppress(*TRANSIENT_ERRORS):
            await self._commit_processed()
        if self._application:
            await self._application.stop()

    async def receive(self, records: Sequence[ConsumerRecord[bytes, bytes]], deliver: Deliver) -> None:
        """A batch of FastStream. `deliver` calls `handle` through the framework."""
        raw_records = [raw_record(record) for record in records]
        await self.process_batch(raw_records, deliver)
        self._committer.add(end_offsets(raw_records))

    def note_client_error(self, error: Exception) -> None:
        self._client_error = f"stuck: the Kafka client fails with {type(error).__name__}"

    def measurements(self) -> list[Measurement]:
        return self._lag_monitor.measurements(self.consumer, self._committer.committed)

    async def process_batch(self, records: Sequence[RawRecord], deliver: Deliver | None = None) -> None:
        """Returns when the batch is committed, however long database or broker are unavailable."""
        failures, claim_jobs = 0, True
        while True:
            try:
                await self._process_once(records, deliver or self.handle, claim_jobs=claim_jobs)
                self.health_problem = ""
                return
            except EarlyClaimError:
                claim_jobs = False  # and again at once: the runner claims the jobs later
                continue
            except TRANSIENT_ERRORS as error:
                log.warning("consumer.retrying", consumer=self.consumer, error=type(error).__name__, failures=failures)
                self.health_problem = f"{type(error).__name__}: events wait on the topic"
            except Exception as error:
                # nothing may be skipped: to continue would commit offsets past these records
                log.exception("consumer.blocked", consumer=self.consumer)
                self.health_problem = f"{type(error).__name__}: the consumer is blocked until this batch is processed"
            await asyncio.sleep(backoff_s(failures))
            failures += 1

    async def reprocess(self, record: RawRecord, uow: UnitOfWork) -> bool:
        """Handles a dead letter; False when it is stale. Raises HandlerFailedError; transient errors unchanged."""
        events, unusable = self._decoder.decode([record])
        if unusable:
            raise HandlerFailedError(None, InvalidEventError(unusable[0].cause.reason))
        for event in events:
            await self.deduplicator.lookup([event], uow, dead_letters=True)
            version = await uow.db.fetchval(
                "SELECT version FROM inbox_version WHERE consumer = $1 AND topic = $2 AND aggregate = $3 FOR UPDATE",
                self.consumer,
                *event.aggregate,
            )
            if event.header.sequence <= (version or 0) and type(event.event) not in self.verified:
                return False
            await self.handle([event], uow)
            self.deduplicator.save([event], [], uow)
            await uow.flush()
        return bool(events)

    async def flush_watermarks(self) -> None:
        """Advances the watermarks past records that this consumer ignores.

        Runs a few times per second instead of once per batch.
        """
        if skipped := dict(self._skipped_offsets):
            sql, args = self.deduplicator.advance_watermarks(skipped)
            await self.database.execute(sql, *args)
            self._skipped_offsets = {key: end for key, end in self._skipped_offsets.items() if skipped.get(key) != end}

    async def _commit_offsets(self) -> None:
        await asyncio.sleep(COMMIT_INTERVAL_S)
        await self._commit_processed()

    async def _commit_processed(self) -> None:
        await self.flush_watermarks()
        await self._committer.commit(self._subscriber.consumer if self._subscriber else None)

    async def _process_once(self, records: Sequence[RawRecord], deliver: Deliver, *, claim_jobs: bool) -> None:
        poisoned: dict[UUID, FailureCause] = {}
        while len(poisoned) <= MAX_FAILED_AGGREGATES:
            try:
                await self._process_in_one_transaction(records, poisoned, deliver, claim_jobs)
                return
            except TRANSIENT_ERRORS:
                raise
            except HandlerFailedError as failure:
                header = failure.header
                if not header:
                    raise
                poisoned[header.id] = cause_of(failure.error, header.type)
                log_failure("consumer.handler_failed", self.consumer, failure.error, header)
            except Exception as error:
                log_failure("consumer.batch_failed", self.consumer, error)
                break
        async with self.database.unit_of_work(suppress_outbox=self.rebuilding) as uow:
            for record in await self.deduplicator.after_watermark(records, uow):
                await self._process_alone(record, uow, deliver)
            self.deduplicator.save([], records, uow)

    async def _process_in_one_transaction(
        self,
        records: Sequence[RawRecord],
        poisoned: dict[UUID, FailureCause],
        deliver: Deliver,
        claim_jobs: bool,  # noqa: FBT001 -- passed on
    ) -> None:
        """`poisoned`: events whose handler failed → why. They and their aggregates' later events are dead letters."""
        events, unusable = self._decoder.decode(records)
        if not events and not unusable:
            self._skipped_offsets |= end_offsets(records)
            return
        async with self.database.unit_of_work(suppress_outbox=self.rebuilding, claim_jobs=claim_jobs) as uow:
            unusable = await self.deduplicator.undelivered(unusable, uow)
            if is_mixed(events, unusable):
                raise MixedBatchError
            await store_unusable(uow.db, self.consumer, unusable)
            states = await self.deduplicator.lookup(events, uow)
            failed: set[AggregateKey] = set()
            healthy: list[ReceivedEvent] = []
            for event in await self._not_repeated(events, states, uow):
                cause = poisoned.get(event.header.id)
                if event.aggregate in failed:
                    await self._store_dead_letter(event, uow, state=DeadLetterState.BLOCKED, cause=BLOCKED_BY_EARLIER)
                elif cause:
                    await self._store_dead_letter(event, uow, state=DeadLetterState.FAILED, cause=cause)
                    failed.add(event.aggregate)
                else:
                    healthy.append(event)
            handled = await self._without_blocked(healthy, states, uow)
            if handled:
                await deliver(handled, uow)
            self.deduplicator.save(handled, records, uow)

    async def _not_repeated(
        self, events: list[ReceivedEvent], states: Mapping[UUID, InboxState], uow: UnitOfWork
    ) -> list[ReceivedEvent]:
        """Without duplicates and stale events."""
        new = self.deduplicator.not_duplicate(events, states)
        fresh = self.deduplicator.not_stale(new, states)
        if len(fresh) < len(events):
            repeated_messages.add(len(events) - len(fresh), self._consumed)
            verified = [e for e in events if e.header.id in states and type(e.event) in self.verified]
            await reject_copies(verified, fresh, uow, self.deduplicator)
        return fresh

    async def _without_blocked(
        self, events: list[ReceivedEvent], states: Mapping[UUID, InboxState], uow: UnitOfWork
    ) -> list[ReceivedEvent]:
        """Stores events of blocked aggregates as dead letters, returns the others."""
        suspects = {event.aggregate for event in events if states[event.header.id].blocked}
        if not suspects:
            return events
        blocked = await still_blocked(uow.db, self.consumer, suspects)
        for event in events:
            if event.aggregate in blocked:
                await self._store_dead_letter(event, uow, state=DeadLetterState.BLOCKED, cause=BLOCKED_BY_EARLIER)
        return [event for event in events if event.aggregate not in blocked]

    async def handle(self, events: Sequence[ReceivedEvent], uow: UnitOfWork) -> None:
        """Calls the handlers. Raises HandlerFailedError from a handler's error; transient errors unchanged."""
        running = None
        try:
            async with self._handler_watch.limit(uow) as running:
                await self._call_handlers(events, uow, running)
        except HandlerBlockedError as error:
            if running and running.header:
                raise HandlerFailedError(running.header, error) from error
            raise
        self.handled += len(events)
        consumed_messages.add(len(events), self._consumed)

    async def _call_handlers(self, events: Sequence[ReceivedEvent], uow: UnitOfWork, running: RunningHandler) -> None:
        loop = asyncio.get_running_loop()
        batches: dict[int, tuple[BatchHandler, list[ReceivedEvent]]] = {}
        for event in events:
            handler = self.event_handlers[type(event.event)]
            if isinstance(handler, BatchHandler):
                batches.setdefault(id(handler), (handler, []))[1].append(event)
            else:
                running.begin(event.header, loop.time())
                await self._handle_one(handler, event, uow)
        for batch_handler, batch in batches.values():
            running.begin(batch[0].header if len(batch) == 1 else None, loop.time())
            await self._handle_batch(batch_handler, batch, uow)

    async def _handle_one(self, handler: Handler, event: ReceivedEvent, uow: UnitOfWork) -> None:
        header = event.header
        try:
            with process_span(header, event.record, group=self.consumer):
                await handler(event.event, uow)
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:
            raise HandlerFailedError(header, error) from error

    async def _handle_batch(
        self, batch_handler: BatchHandler, events: Sequence[ReceivedEvent], uow: UnitOfWork
    ) -> None:
        try:
            items = list(events) if batch_handler.with_headers else [event.event for event in events]
            with process_batch_span(events, group=self.consumer):
                await batch_handler.handler(items, uow)
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:
            if len(events) == 1:
                raise HandlerFailedError(events[0].header, error) from error
            raise

    async def _process_alone(self, record: RawRecord, uow: UnitOfWork, deliver: Deliver) -> None:
        events, unusable = self._decoder.decode([record])
        await store_unusable(uow.db, self.consumer, unusable)
        for event in events:
            try:
                async with uow.db.transaction():
                    states = await self.deduplicator.lookup([event], uow)
                    fresh = await self._not_repeated([event], states, uow)
                    handled = await self._without_blocked(fresh, states, uow)
                    if handled:
                        await deliver(handled, uow)
                    self.deduplicator.save(handled, [], uow)
                    await uow.flush()
            except TRANSIENT_ERRORS:
                raise
            except Exception as error:
                uow.discard_pending()
                await self.deduplicator.lookup([event], uow)
                original = error.error if isinstance(error, HandlerFailedError) else error
                cause = cause_of(original, event.header.type)
                log_failure("consumer.handler_failed", self.consumer, original, event.header)
                await self._store_dead_letter(event, uow, state=DeadLetterState.FAILED, cause=cause)

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
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            stuck = await self._stuck_reason(self._lag_monitor)
            if not stuck:
                self.health_problem = "" if self.health_problem.startswith("stuck") else self.health_problem
                continue
            self.health_problem = stuck
            log.error("consumer.stuck", consumer=self.consumer, stuck=stuck)
            await self._recreate_consumer()
            self._lag_monitor = LagMonitor(STUCK_AFTER_S)

    async def _stuck_reason(self, monitor: LagMonitor) -> str:
        if self._committer.failures >= MAX_COMMITS_FAILED:
            return f"stuck: {self._committer.failures} commits of offsets failed, the group has lost this consumer"
        if self._subscriber.consumer is None:
            return "stuck: there is no consumer, the attempt to create a new one failed"
        try:
            return self._client_error or await monitor.check(self._subscriber.consumer, self.handled)
        except Exception as error:
            self.note_client_error(error)
            return self._client_error

    async def _recreate_consumer(self) -> None:
        self._committer.failures = 0
        try:
            async with asyncio.timeout(STUCK_AFTER_S):
                await self._application.stop()
        except Exception as error:
            # a new consumer is needed whatever the old one reports
            log.warning("consumer.close_failed", consumer=self.consumer, error=type(error).__name__)
        await self._start_application()

    async def _start_application(self) -> None:
        # loaded here: FastStream is a tenth of a service's import time, and operators' commands start no consumer
        from wanderamt.backbone.messaging.application import consuming_application

        self._application, self._subscriber = consuming_application(
            self.declared, self.topics, self, bootstrap_servers=self.bootstrap_servers
        )
        self._client_error = ""
        await self._application.start()
