"""Outbox rows to Kafka, oldest first, in order per aggregate.

Kept true: a shard of keys is sent by the one process that holds its advisory lock; rows are deleted only after the
broker acknowledged them; no transaction is open while sending. `WHERE id > last` and `SKIP LOCKED` would lose or
reorder events and have no place here. A crash sends at most one batch again: consumers drop it by event id. A holder
that is frozen stops beating and loses its database session, and with it its shards; when it wakes it sees that its
own beat is old and sends nothing more.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind

from wanderamt.backbone.batches import Batches
from wanderamt.backbone.database import TRANSIENT, Database
from wanderamt.backbone.forever import for_ever, until_woken
from wanderamt.backbone.outbox import CHANNEL, SHARDS, head_of
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.tracing import recorded, recording, tracer
from wanderamt.contracts import EVENTS, Head, headers_of

LOCK_SPACE = 1_463_897_668  # advisory locks of relays: (this, shard)
BATCH = 1000
POLL_S = 0.2
CLAIM_SHARDS_EVERY_S = 1.0
BEAT_EVERY_S = 1.0
DEAD_AFTER_S = 5.0
SEND_TIMEOUT_S = 30
ABANDON_TIMEOUT_S = 5

SENT = "event_id, type, aggregate, version, value, emitted_at, traceparent"
TOPIC_OF = {event.TYPE: event.TOPIC for event in EVENTS}

log = structlog.get_logger()


class LostShards(Exception):
    """This relay did not beat for so long that another one may hold its shards: it must ask for them anew."""


def new_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """Idempotent, acknowledged by all in-sync replicas, in big batches (measured: 60,000 to 71,000 messages/s)."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=262_144,
        max_request_size=4 * 1024 * 1024,
        request_timeout_ms=10_000,
    )


@dataclass
class Relay:
    database: Database
    bootstrap_servers: str
    topics: Topics
    producer: Callable[[str], AIOKafkaProducer] = new_producer
    trouble: str = "not started"
    sent: int = 0
    _task: asyncio.Task[None] | None = None
    _beaten: float = 0.0

    async def start(self) -> None:
        self._task = asyncio.create_task(for_ever("relay", self._run, self._tell), name="relay")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _tell(self, trouble: str) -> None:
        self.trouble = f"{trouble}; rows wait in the outbox"

    async def _run(self) -> None:
        """One life of the relay. Broker and database errors cost a pause and a fresh producer, never a row."""
        async with self.database.listening(CHANNEL) as (connection, woken):
            producer = self.producer(self.bootstrap_servers)
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await producer.start()
                self.trouble = ""
                await self._send_for_ever(connection, woken, producer)
            finally:
                await _abandon(producer)

    async def _send_for_ever(self, connection: Any, woken: asyncio.Event, producer: AIOKafkaProducer) -> None:
        self._beaten = asyncio.get_running_loop().time()
        beating = asyncio.create_task(self._beat(connection.get_server_pid()), name="relay-beat")
        try:
            await self._send_shards(connection, woken, producer)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _send_shards(self, connection: Any, woken: asyncio.Event, producer: AIOKafkaProducer) -> None:
        held: list[int] = []
        loop = asyncio.get_running_loop()
        claim_at = loop.time()
        while True:
            if len(held) < SHARDS and loop.time() >= claim_at:
                await self._evict_frozen(connection)
                held += await self._claim_shards(connection, held)
                claim_at = loop.time() + CLAIM_SHARDS_EVERY_S
            woken.clear()
            if await self._send_batch(connection, held, producer) < BATCH:
                await until_woken(woken, POLL_S)

    async def _send_batch(self, connection: Any, held: list[int], producer: AIOKafkaProducer) -> int:
        rows = await connection.fetch(
            f"SELECT id, {SENT} FROM outbox WHERE shard = ANY($1::smallint[]) ORDER BY id LIMIT $2",  # noqa: S608
            held,
            BATCH,
        )
        if rows:
            if asyncio.get_running_loop().time() - self._beaten > DEAD_AFTER_S:
                raise LostShards
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._publish(rows, producer)
            await self._delete(connection, [row["id"] for row in rows])
            self.sent += len(rows)
        return len(rows)

    async def _delete(self, connection: Any, ids: list[int]) -> None:
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids)

    async def _publish(self, rows: list[Any], producer: AIOKafkaProducer) -> None:
        """Returns when the broker has acknowledged all of them."""
        spans = []
        source = f"/wanderamt/{self.database.owner}"
        topic_of = {type_: self.topics.name(TOPIC_OF[type_]) for type_ in {row["type"] for row in rows}}
        batches = await Batches.begin(producer, set(topic_of.values()))
        keeps_spans = recording()
        for row in rows:
            head = head_of(row, source=source)
            topic = topic_of[head.type]
            if keeps_spans and recorded(head.trace):
                span = _span(head, topic)
                carrier: dict[str, str] = {}
                propagate.inject(carrier, trace.set_span_in_context(span))
                head = head._replace(trace=carrier)
                spans.append(span)
            batches.add(topic, str(head.subject).encode(), row["value"], headers_of(head))
        await batches.send()
        for span in spans:
            span.end()

    async def _claim_shards(self, connection: Any, held: list[int]) -> list[int]:
        """Takes the shards nobody holds, and beats in the same statement: there is no holder without a beat."""
        rows = await connection.fetch(
            """
            WITH beat AS (
                INSERT INTO relay_beat (backend, beaten_at) VALUES (pg_backend_pid(), clock_timestamp())
                ON CONFLICT (backend) DO UPDATE SET beaten_at = excluded.beaten_at
            )
            SELECT shard FROM unnest($1::int[]) AS shard WHERE pg_try_advisory_lock($2, shard)
            """,
            [shard for shard in range(SHARDS) if shard not in held],
            LOCK_SPACE,
        )
        return [row["shard"] for row in rows]

    async def _evict_frozen(self, connection: Any) -> None:
        """Ends the database session of a holder that has not beaten: its process is frozen or its network is cut."""
        frozen = await connection.fetch(
            """
            SELECT beat.backend, pg_terminate_backend(beat.backend) FROM relay_beat beat
            WHERE beaten_at < clock_timestamp() - make_interval(secs => $2) AND backend <> pg_backend_pid()
              AND EXISTS (SELECT 1 FROM pg_locks held WHERE held.pid = beat.backend AND held.locktype = 'advisory'
                          AND held.classid = $1::bigint::oid AND held.granted
                          AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
            """,
            LOCK_SPACE,
            DEAD_AFTER_S,
        )
        for row in frozen:
            log.warning("relay.evicted", backend=row["backend"], silent_s=DEAD_AFTER_S)

    async def _beat(self, backend: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            with suppress(*TRANSIENT):
                async with self.database.pool.acquire(timeout=BEAT_EVERY_S) as connection:
                    begun = loop.time()
                    await connection.execute(
                        "UPDATE relay_beat SET beaten_at = clock_timestamp() WHERE backend = $1",
                        backend,
                        timeout=DEAD_AFTER_S,
                    )
                    self._beaten = begun


def _span(head: Head, topic: str) -> Span:
    return tracer.start_span(
        f"{TOPIC_OF[head.type]} publish",
        context=propagate.extract(dict(head.trace)),
        kind=SpanKind.PRODUCER,
        attributes={"messaging.system": "kafka", "messaging.destination.name": topic, "ce.type": head.type},
    )


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Ends a producer without sending what it still holds: those rows are in the outbox and go with the next one.

    Its own stop() first waits for a broker that may be gone, and its sender would go on behind our back.
    """
    producer._closed = True  # aiokafka has no public way to drop what is unsent
    sending = producer._sender.sender_task
    if sending:
        sending.cancel()
    with suppress(KafkaError, TimeoutError, OSError):
        await asyncio.wait_for(producer.client.close(), ABANDON_TIMEOUT_S)
        if sending:
            await asyncio.wait([sending], timeout=ABANDON_TIMEOUT_S)
