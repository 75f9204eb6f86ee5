"""The backbone's tables keep their size under steady load."""

import asyncio

from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.deduplication import Deduplicator
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.contracts import EventHeader, StandCancelled
from wanderamt_testing.databases import OpenDatabase

CYCLES = 12
EVENTS = 2000
QUEUES = ("outbox", "job", "inbox", "inbox_version")


def received_event(number: int) -> ReceivedEvent:
    stand_id = uuid7()
    event = StandCancelled.model_validate({"stand_id": stand_id, "reason": "x", "cancelled_at": utc_now()})
    header = EventHeader(uuid7(), event.TYPE, "/wanderamt/scheduling", stand_id, utc_now(), 1, {})
    return ReceivedEvent(RawRecord("stand.v1", 0, number, b"", b"", ()), header, event)


async def run_cycle(database: Database, cycle: int) -> None:
    """One hour of load: events emitted and sent, events handled, jobs enqueued and completed."""
    deduplicator = Deduplicator("listener")
    events = [received_event(cycle * EVENTS + number) for number in range(EVENTS)]
    async with database.unit_of_work() as uow:
        for event in events:
            uow.emit(event.event, version=1)
        await uow.flush()
        await deduplicator.lookup(events, uow)
        deduplicator.save(events, [event.record for event in events], uow)
        await uow.db.execute(
            """
            INSERT INTO job (id, queue, key, body, trace_context, run_at, deadline)
            SELECT gen_random_uuid(), 'q', n::text, '{}', '{}', now(), now() FROM generate_series(1, $1) n
            """,
            EVENTS,
        )
    async with database.unit_of_work() as uow:
        await uow.db.execute("DELETE FROM outbox")
        await uow.db.execute("DELETE FROM job")


async def sizes(database: Database) -> dict[str, int]:
    async with database.unit_of_work() as uow:
        return {name: await uow.db.fetchval(f"SELECT pg_total_relation_size('{name}')") for name in QUEUES}


async def test_tables_stay_flat_under_steady_load(open_database: OpenDatabase) -> None:
    database: Database = await open_database("scheduling")
    day = 1 / 86_400
    housekeeping = Housekeeping(
        database, BackboneRetention(inbox_days=0.2 * day, version_days=0.2 * day, heartbeat_days=day)
    )
    seen: list[dict[str, int]] = []
    for cycle in range(CYCLES):
        await run_cycle(database, cycle)
        await asyncio.sleep(0.25)
        await housekeeping.sweep()
        async with database.pool.acquire() as connection:
            for name in QUEUES:  # as autovacuum does later
                await connection.execute(f"VACUUM {name}")
        seen.append(await sizes(database))
    early, late = seen[3], seen[-1]
    for name in QUEUES:
        assert late[name] <= early[name] * 1.25, (name, [sizes_[name] for sizes_ in seen])


async def test_only_rows_older_than_their_retention_are_deleted(open_database: OpenDatabase) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute(
            """
            INSERT INTO inbox (consumer, event_id, handled_at)
            SELECT 'c', gen_random_uuid(), now() - make_interval(days => n) FROM generate_series(0, 39) n
            """
        )
        await uow.db.execute("INSERT INTO inbox_watermark VALUES ('c', 'case.v1', 0, 5)")
    deleted = await Housekeeping(database, BackboneRetention(inbox_days=30.5)).sweep()
    assert deleted["inbox"] == 9
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT count(*) FROM inbox") == 31
        assert await uow.db.fetchval("SELECT next_offset FROM inbox_watermark") == 5


async def test_every_queue_table_has_its_own_autovacuum(open_database: OpenDatabase) -> None:
    database: Database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        rows = await uow.db.fetch("SELECT relname FROM pg_class WHERE reloptions::text LIKE '%autovacuum%'")
    assert {row["relname"] for row in rows} >= set(QUEUES)
