"""Who holds the shards, and how they change hands."""

import asyncio
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.outbox import SHARDS
from wanderamt.backbone.relay import DEAD_AFTER_S, LOCK_SPACE, Relay
from wanderamt.contracts import StandCancelled

NOW = "2026-05-04T09:30:00+02:00"


async def tell(database: Database) -> None:
    async with database.work() as work:
        event = {"stand_id": uuid7(), "reason": "rain", "cancelled_at": NOW}
        work.emit(StandCancelled.model_validate(event), version=1)


async def frozen_holder(database: Database, *, silent_s: float) -> Any:
    """The database session of a relay whose process is frozen: it holds every shard and beats no more."""
    session = await asyncpg.connect(database.url)
    await session.execute(
        f"""
        INSERT INTO relay_beat (backend, beaten_at)
        VALUES (pg_backend_pid(), clock_timestamp() - make_interval(secs => {silent_s}))
        """
    )
    await session.fetch("SELECT pg_advisory_lock($1, s) FROM generate_series(0, $2) s", LOCK_SPACE, SHARDS - 1)
    return session


async def test_a_frozen_holder_loses_its_shards(open_database: Any, servers: Any, topics: Any) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    session = await frozen_holder(database, silent_s=DEAD_AFTER_S + 1)
    await tell(database)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    async with asyncio.timeout(20):
        while not relay.sent:
            await asyncio.sleep(0.05)
    await relay.stop()
    assert session.is_closed()


async def test_a_holder_that_beats_keeps_its_shards(open_database: Any, servers: Any, topics: Any) -> None:
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    session = await frozen_holder(database, silent_s=0)
    await tell(database)
    standby = Relay(database, servers.kafka.bootstrap_servers, topics)
    await standby.start()
    await asyncio.sleep(2.5)
    await standby.stop()
    assert standby.sent == 0
    assert not session.is_closed()
    await session.close()


async def test_a_relay_that_wakes_up_late_sends_nothing_before_it_has_asked_anew(
    open_database: Any, servers: Any, topics: Any
) -> None:
    """Its own clock tells it that it has not beaten for too long."""
    database: Database = await open_database("scheduling")
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    published: list[int] = []

    class Woken(Relay):
        asked = 0

        async def _claim_shards(self, connection: Any, held: list[int]) -> list[int]:
            self.asked += 1
            if self.asked == 1:
                self._beaten -= DEAD_AFTER_S + 1
            return await super()._claim_shards(connection, held)

        async def _publish(self, rows: list[Any], producer: Any) -> None:
            published.append(self.asked)
            await super()._publish(rows, producer)

    await tell(database)
    relay = Woken(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()
    async with asyncio.timeout(20):
        while not relay.sent:
            await asyncio.sleep(0.05)
    await relay.stop()
    assert min(published) > 1
