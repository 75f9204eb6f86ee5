"""Kafka records in: one transaction per batch, each event once in effect, in order per aggregate.

Kept true: offsets are committed after our transaction, never before; effects happen once (see guards). When a handler
fails, the batch runs again with that aggregate parked, and one by one when that does not help; a transient failure
(database, broker) waits and repeats without end and says so in health.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from opentelemetry.trace import SpanKind

from wanderamt.backbone.arrivals import Item, Reader, arrival_of
from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.forever import for_ever, pause_s
from wanderamt.backbone.guards import Fact, Guards, Place, ends_of
from wanderamt.backbone.lanes import Prepared, prepare
from wanderamt.backbone.parked import BEHIND, Arrival, Cause, ParkedState, cause_of, park, still_waiting
from wanderamt.backbone.progress import Progress
from wanderamt.backbone.subscriber import subscribe
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.tracing import recorded, span_under
from wanderamt.backbone.work import Work
from wanderamt.contracts import Event, Head, Undecodable

Handler = Callable[[Any, Work], Awaitable[object]]

MAX_PARKED_AT_ONCE = 4
STUCK_AFTER_S = 30.0
LOOK_EVERY_S = 5.0
COMMIT_EVERY_S = 0.5
COMMIT_TIMEOUT_S = 10.0
MAX_COMMITS_FAILED = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Many:
    """A handler that takes a batch's events as one list, in order: for projections that write in bulk.

    Events of several types that share one Many come in one list, in the order they came. `whole`: each as an Item, with
    its head; the handler sets `work.carried` to the trace of what it tells or enqueues for it.
    """

    handler: Callable[[list[Any], Work], Awaitable[object]]
    whole: bool = False


class HandlerFailed(Exception):
    """`error` is the handler's own."""

    def __init__(self, head: Head | None, error: Exception) -> None:
        super().__init__("a handler failed")
        self.head = head
        self.error = error


class Entangled(Exception):
    """An unreadable record of an aggregate lies among readable ones of it: only one by one keeps their order."""


@dataclass
class Inbox:
    """`consumer` is the Kafka group and the name in the inbox tables; `on` says which event goes to which handler.

    `linger_s`: waits so long for more once something came, where nobody waits for the effect: fewer transactions.
    """

    consumer: str
    on: Mapping[type[Event], Handler | Many | Prepared]
    database: Database
    bootstrap_servers: str
    topics: Topics
    quiet: bool = False
    linger_s: float = 0.0
    trouble: str = "not started"
    handled: int = 0
    guards: Guards = field(init=False)
    _broker: KafkaBroker = field(init=False)
    _reader: Reader = field(init=False)
    _taken: dict[TopicPartition, int] = field(default_factory=dict)
    _passed: dict[Place, int] = field(default_factory=dict)
    _watches: list[asyncio.Task[None]] = field(default_factory=list)
    _commits_failed: int = 0
    _broken: str = ""
    _ready: dict[UUID, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guards = Guards(self.consumer)
        self._reader = Reader(self.on, self.topics)
        self._lay_broker()

    def _lay_broker(self) -> None:
        self._broker = KafkaBroker(self.bootstrap_servers.split(","), graceful_timeout=20, logger=None)
        self._subscriber = subscribe(
            self._broker,
            sorted({self.topics.name(event.TOPIC) for event in self.on}),
            self._on_batch,
            group=self.topics.name(self.consumer),
            mixed=self._has_lanes(),
            linger_s=self.linger_s,
            on_broken=self._note_broken,
        )
        self._broken = ""

    def _note_broken(self, error: Exception) -> None:
        self._broken = f"stuck: the client fails with {type(error).__name__}"

    def _has_lanes(self) -> bool:
        return any(isinstance(handler, Prepared) for handler in self.on.values())

    async def start(self) -> None:
        await self._broker.start()
        self.trouble = ""
        for what, body in (("inbox-watch", self._keep_going), ("inbox-offsets", self._commit_offsets)):
            self._watches.append(asyncio.create_task(for_ever(what, body), name=f"{what}-{self.consumer}"))

    async def stop(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        with suppress(*TRANSIENT):
            await self._commit_taken()
        await self._broker.stop()

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Returns when the batch is committed, however long database or broker are away."""
        failures = 0
        while True:
            try:
                await self._take_once(arrivals)
                self.trouble = ""
                return
            except TRANSIENT as error:
                log.warning("inbox.waits", consumer=self.consumer, error=type(error).__name__, failures=failures)
                self.trouble = f"{type(error).__name__}: events wait on the topic"
            except Exception as error:
                # nothing may be skipped: going on would commit past these records
                log.exception("inbox.stands", consumer=self.consumer)
                self.trouble = f"{type(error).__name__}: a batch cannot be taken, and the consumer stands until it can"
            await asyncio.sleep(pause_s(failures))
            failures += 1

    async def take_again(self, arrival: Arrival, work: Work) -> bool:
        """Handles a record that was parked; False when it is stale. Raises HandlerFailed, TRANSIENT as they are."""
        items, unreadable = self._reader.read([arrival])
        for *_, cause in unreadable:
            raise HandlerFailed(None, Undecodable(cause.reason))
        await self._prepare([arrival])
        for item in items:
            await self.guards.look_up([item], work, parked=True)
            version = await work.db.fetchval(
                "SELECT version FROM inbox_version WHERE consumer = $1 AND aggregate = $2 FOR UPDATE",
                self.consumer,
                item.head.subject,
            )
            if item.head.sequence <= (version or 0):
                return False
            await self._handle([item], work)
            await self.guards.save([item], [], work)
        return bool(items)

    async def settle(self) -> None:
        """Moves the marks past what was none of our business: a few times a second, not in a transaction a batch."""
        if passed := dict(self._passed):
            async with self.database.work(quiet=self.quiet) as work:
                await self.guards.pass_by(passed, work)
            self._passed = {place: end for place, end in self._passed.items() if passed.get(place) != end}

    async def _on_batch(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        await self.take([arrival_of(record) for record in records])
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            self._taken[place] = max(self._taken.get(place, 0), record.offset + 1)

    async def _commit_offsets(self) -> None:
        """Of what is committed in the database, a few times a second: the marks guard, this spares a second reading."""
        await asyncio.sleep(COMMIT_EVERY_S)
        await self._commit_taken()

    async def _commit_taken(self) -> None:
        taken, self._taken = self._taken, {}
        await self.settle()
        consumer = self._subscriber.consumer
        if not taken or consumer is None:
            return
        ours = {place: offset for place, offset in taken.items() if place in consumer.assignment()}
        try:
            if ours:
                async with asyncio.timeout(COMMIT_TIMEOUT_S):
                    await consumer.commit(ours)
            self._commits_failed = 0
        except (KafkaError, TimeoutError) as error:  # the records come again and the guards drop them
            self._commits_failed += 1
            log.warning("inbox.commit_failed", consumer=self.consumer, error=type(error).__name__)

    async def _take_once(self, arrivals: Sequence[Arrival]) -> None:
        await self._prepare(arrivals)
        poisoned: dict[UUID, tuple[UUID, Cause]] = {}
        while len(poisoned) <= MAX_PARKED_AT_ONCE:
            try:
                await self._take_batch(arrivals, poisoned)
                return
            except TRANSIENT:
                raise
            except HandlerFailed as failure:
                head = failure.head
                if not head:
                    raise
                poisoned[head.subject] = (head.id, cause_of(failure.error, head.type))
                log.warning("inbox.handler_failed", consumer=self.consumer, event_id=str(head.id))
            except Exception as error:
                log.warning("inbox.batch_failed", consumer=self.consumer, error=type(error).__name__)
                break
        async with self.database.work(quiet=self.quiet) as work:
            for arrival in await self.guards.beyond_marks(arrivals, work):
                await self._take_one(arrival, work)
            await self.guards.save([], arrivals, work)

    async def _prepare(self, arrivals: Sequence[Arrival]) -> None:
        """The first beat of handlers that have two."""
        if self._has_lanes():
            self._ready = await prepare(self._reader.read(arrivals)[0], self.on)

    async def _take_batch(self, arrivals: Sequence[Arrival], poisoned: dict[UUID, tuple[UUID, Cause]]) -> None:
        """`poisoned`: aggregate → the event whose handler failed, and why. It and its successors are parked."""
        items, unreadable = self._reader.read(arrivals)
        if not items and not unreadable:
            self._passed |= ends_of(arrivals)
            return
        async with self.database.work(quiet=self.quiet) as work:
            if unreadable:
                new = set(await self.guards.beyond_marks([arrival for arrival, *_ in unreadable], work))
                unreadable = [one for one in unreadable if one[0] in new]
            if {subject for _, subject, *_ in unreadable} & {item.head.subject for item in items}:
                raise Entangled
            for arrival, owner, type_, cause in unreadable:
                await self._keep_unreadable(arrival, owner, type_, cause, work)
            facts = await self.guards.look_up(items, work)
            parking: set[UUID] = set()
            free: list[Item] = []
            for item in self.guards.newer(self.guards.unseen(items, facts), facts):
                subject = item.head.subject
                if subject not in parking and poisoned.get(subject, (None,))[0] != item.head.id:
                    free.append(item)
                    continue
                if subject in parking:
                    await self._park(item, work, state=ParkedState.BEHIND, cause=BEHIND)
                else:
                    await self._park(item, work, state=ParkedState.PARKED, cause=poisoned[subject][1])
                parking.add(subject)
            taken = await self._not_behind(free, facts, work)
            await self._handle(taken, work)
            await self.guards.save(taken, arrivals, work)

    async def _not_behind(self, items: list[Item], facts: Mapping[UUID, Fact], work: Work) -> list[Item]:
        """Parks those whose aggregate waits, returns the others."""
        suspects = {item.head.subject for item in items if facts[item.head.id].waiting}
        if not suspects:
            return items
        waiting = await still_waiting(work.db, self.consumer, suspects)
        for item in items:
            if item.head.subject in waiting:
                await self._park(item, work, state=ParkedState.BEHIND, cause=BEHIND)
        return [item for item in items if item.head.subject not in waiting]

    async def _handle(self, items: Sequence[Item], work: Work) -> None:
        """Raises HandlerFailed from the handler's error, and TRANSIENT ones as they are."""
        lists: dict[int, tuple[Many, list[Item]]] = {}
        for item in items:
            handler = self.on[type(item.event)]
            if isinstance(handler, Many):
                lists.setdefault(id(handler), (handler, []))[1].append(item)
            else:
                await self._handle_one(handler, item, work)
        for many, listed in lists.values():
            await self._handle_many(many, listed, work)
        self.handled += len(items)

    async def _handle_one(self, handler: Handler | Prepared, item: Item, work: Work) -> None:
        head = item.head
        try:
            if not recorded(head.trace):
                work.carried = head.trace
                await self._call(handler, item, work)
                return
            work.carried = None
            name = f"{self.consumer} on {type(item.event).__name__}"
            about = {"messaging.system": "kafka", "ce.type": head.type, "aggregate": str(head.subject)}
            with span_under(head.trace, name, kind=SpanKind.CONSUMER, attributes=about):
                await self._call(handler, item, work)
        except TRANSIENT:
            raise
        except Exception as error:
            raise HandlerFailed(head, error) from error
        finally:
            work.carried = None

    async def _call(self, handler: Handler | Prepared, item: Item, work: Work) -> None:
        if not isinstance(handler, Prepared):
            await handler(item.event, work)
            return
        prepared = self._ready[item.head.id]
        if isinstance(prepared, Exception):
            raise prepared
        await handler.handler(item.event, prepared, work)

    async def _handle_many(self, many: Many, items: Sequence[Item], work: Work) -> None:
        try:
            await many.handler(list(items) if many.whole else [item.event for item in items], work)
            work.carried = None
        except TRANSIENT:
            raise
        except Exception as error:
            if len(items) == 1:
                raise HandlerFailed(items[0].head, error) from error
            raise

    async def _take_one(self, arrival: Arrival, work: Work) -> None:
        items, unreadable = self._reader.read([arrival])
        for _, subject, type_, cause in unreadable:
            await self._keep_unreadable(arrival, subject, type_, cause, work)
        for item in items:
            try:
                async with work.db.transaction():
                    facts = await self.guards.look_up([item], work)
                    taken = await self._not_behind(
                        self.guards.newer(self.guards.unseen([item], facts), facts), facts, work
                    )
                    await self._handle(taken, work)
                    await self.guards.save(taken, [], work)
                    await work.flush()
            except TRANSIENT:
                raise
            except Exception as error:
                work.forget()
                await self.guards.look_up([item], work)
                failed = error.error if isinstance(error, HandlerFailed) else error
                cause = cause_of(failed, item.head.type)
                await self._park(item, work, state=ParkedState.PARKED, cause=cause)

    async def _keep_unreadable(
        self, arrival: Arrival, subject: UUID | None, type_: str, cause: Cause, work: Work
    ) -> None:
        """Quarantined when nothing about it is known; parked when we know whose it is, so that its order is kept."""
        state = ParkedState.PARKED if subject else ParkedState.QUARANTINED
        log.error("inbox.unreadable", consumer=self.consumer, topic=arrival.topic, offset=arrival.offset, state=state)
        await park(work.db, self.consumer, arrival, aggregate=subject, type_=type_, state=state, cause=cause)

    async def _park(self, item: Item, work: Work, *, state: ParkedState, cause: Cause) -> None:
        head = item.head
        log.error("inbox.parked", consumer=self.consumer, event_id=str(head.id), type=head.type, state=state)
        await park(
            work.db, self.consumer, item.arrival, aggregate=head.subject, type_=head.type, state=state, cause=cause
        )

    async def _keep_going(self) -> None:
        """Health is progress against lag: a consumer that lives but does not move is made anew."""
        progress = Progress(STUCK_AFTER_S)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            stuck = await self._stuck(progress)
            if not stuck:
                self.trouble = "" if self.trouble.startswith("stuck") else self.trouble
                continue
            self.trouble = stuck
            log.error("inbox.stuck", consumer=self.consumer, stuck=stuck)
            await self._renew()
            progress = Progress(STUCK_AFTER_S)

    async def _stuck(self, progress: Progress) -> str:
        if self._commits_failed >= MAX_COMMITS_FAILED:
            return f"stuck: {self._commits_failed} commits of offsets failed, the group has lost this consumer"
        if self._subscriber.consumer is None:
            return "stuck: there is no consumer, making one anew has failed"
        try:
            return self._broken or await progress.look(self._subscriber.consumer, self.handled)
        except Exception as error:
            self._note_broken(error)
            return self._broken

    async def _renew(self) -> None:
        self._commits_failed = 0
        try:
            async with asyncio.timeout(STUCK_AFTER_S):
                await self._broker.stop()
        except Exception as error:
            # whatever the old one still says, a new one is needed
            log.warning("inbox.old_consumer_does_not_end", consumer=self.consumer, error=type(error).__name__)
        self._lay_broker()
        await self._broker.start()
