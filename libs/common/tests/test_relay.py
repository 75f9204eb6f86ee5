"""The shards of the relay: which process holds them, and how another one takes over."""

import asyncio

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import HEARTBEAT_TIMEOUT_S, LOCK_SPACE, Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.outbox import CHANNEL, SHARDS
from wanderamt.contracts import StandCancelled
from wanderamt.contracts.envelope import decode_header
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.servers import Servers

NOW = "2026-05-04T09:30:00+02:00"


async def emit_event(database: Database) -> None:
    async with database.unit_of_work() as uow:
        event = {"stand_id": uuid7(), "reason": "rain", "cancelled_at": NOW}
        uow.emit(StandCancelled.model_validate(event), version=1)


async def stalled_holder(database: Database, *, silent_s: float) -> asyncpg.Connection:
    """The database session of a stalled relay: it holds each shard and its last heartbeat is `silent_s` seconds old."""
    session = await asyncpg.connect(database.url)
    await session.execute(
        f"""
        INSERT INTO relay_heartbeat (backend, heartbeat_at)
        VALUES (pg_backend_pid(), clock_timestamp() - make_interval(secs => {silent_s}))
        """
    )
    await session.fetch("SELECT pg_advisory_lock($1, s) FROM generate_series(0, $2) s", LOCK_SPACE, SHARDS - 1)
    return session


async def test_a_stalled_holder_loses_its_shards(open_database: OpenDatabase, servers: Servers, topics: Topics) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    session = await stalled_holder(database, silent_s=HEARTBEAT_TIMEOUT_S + 1)
    await emit_event(database)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    async with asyncio.timeout(20):
        while not relay.sent:
            await asyncio.sleep(0.05)
    await relay.stop()
    assert session.is_closed()


async def test_each_record_names_the_authority_of_its_service(
    open_database: OpenDatabase, servers: Servers, topics: Topics
) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    codes = ("at-wels", "")
    for code in codes:
        await emit_event(database)
        relay = Relay(database, servers.kafka.bootstrap_servers, topics, authority=code)
        await relay.start()
        async with asyncio.timeout(20):
            while not relay.sent:
                await asyncio.sleep(0.05)
        await relay.stop()
    consumer = AIOKafkaConsumer(
        topics.name("stand.v1"), bootstrap_servers=servers.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            records = [await consumer.getone() for _ in codes]
    finally:
        await consumer.stop()
    assert [decode_header(record.headers).authority for record in records] == list(codes)
    assert ["ce_authority" in dict(record.headers) for record in records] == [True, False]


async def test_a_commit_notifies_other_processes_unless_the_relay_of_this_one_holds_all_shards(
    open_database: OpenDatabase, servers: Servers, topics: Topics
) -> None:
    database: Database = await open_database("scheduling")
    other = Database(database.url, service_name=database.service_name)
    await other.start()
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    async with asyncio.timeout(30):
        while len(relay._held) < SHARDS:
            await asyncio.sleep(0.02)
    async with other.listen(CHANNEL) as (_, elsewhere), database.listen(CHANNEL) as (_, here):
        await emit_event(database)
        await asyncio.sleep(0.3)
        assert here.is_set()
        assert not elsewhere.is_set()
        here.clear()
        await emit_event(other)
        async with asyncio.timeout(10):
            await here.wait()
        await relay.stop()
        await emit_event(database)
        async with asyncio.timeout(10):
            await elsewhere.wait()
    await other.stop()


async def test_a_holder_with_a_heartbeat_keeps_its_shards(
    open_database: OpenDatabase, servers: Servers, topics: Topics
) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    session = await stalled_holder(database, silent_s=0)
    await emit_event(database)
    standby = Relay(database, servers.kafka.bootstrap_servers, topics)
    await standby.start()
    await asyncio.sleep(2.5)
    await standby.stop()
    assert standby.sent == 0
    assert not session.is_closed()
    await session.close()


async def test_a_relay_that_resumes_late_sends_nothing_before_it_has_claimed_its_shards_again(
    open_database: OpenDatabase, servers: Servers, topics: Topics
) -> None:
    """Its own clock shows that its heartbeat is too old."""
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    published: list[int] = []

    class ResumedRelay(Relay):
        claims = 0

        async def _claim_shards(self, connection: asyncpg.Connection, held: list[int]) -> list[int]:
            self.claims += 1
            if self.claims == 1:
                self._heartbeat_at -= HEARTBEAT_TIMEOUT_S + 1
            return await super()._claim_shards(connection, held)

        async def _publish(self, rows: list[asyncpg.Record], producer: AIOKafkaProducer) -> None:
            published.append(self.claims)
            await super()._publish(rows, producer)

    await emit_event(database)
    relay = ResumedRelay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    async with asyncio.timeout(20):
        while not relay.sent:
            await asyncio.sleep(0.05)
    await relay.stop()
    assert min(published) > 1
