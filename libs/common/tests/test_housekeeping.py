"""Under steady load the backbone's tables stay flat."""

import asyncio
from typing import Any

from uuid_utils.compat import uuid7
from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.database import Database
from wanderamt.backbone.guards import Guards
from wanderamt.backbone.housekeeping import Housekeeping, Retention
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import Head, StandCancelled

CYCLES = 12
EVENTS = 2000
QUEUES = ("outbox", "job", "inbox", "inbox_version")


def item(number: int) -> Item:
    stand_id = uuid7()
    event = StandCancelled.model_validate({"stand_id": stand_id, "reason": "x", "cancelled_at": utc_now()})
    head = Head(uuid7(), event.TYPE, "/wanderamt/scheduling", stand_id, utc_now(), 1, {})
    return Item(Arrival("stand.v1", 0, number, b"", b"", ()), head, event)


async def load(database: Database, cycle: int) -> None:
    """What an hour does: events told and sent, events heard, jobs made and done."""
    guards = Guards("listener")
    items = [item(cycle * EVENTS + number) for number in range(EVENTS)]
    async with database.work() as work:
        for one in items:
            work.emit(one.event, version=1)
        await work.flush()
        await guards.look_up(items, work)
        await guards.save(items, [one.arrival for one in items], work)
        await work.db.execute(
            """
            INSERT INTO job (id, queue, key, body, trace, run_at, deadline)
            SELECT gen_random_uuid(), 'q', n::text, '{}', '{}', now(), now() FROM generate_series(1, $1) n
            """,
            EVENTS,
        )
    async with database.work() as work:
        await work.db.execute("DELETE FROM outbox")
        await work.db.execute("DELETE FROM job")


async def sizes(database: Database) -> dict[str, int]:
    async with database.work() as work:
        return {name: await work.db.fetchval(f"SELECT pg_total_relation_size('{name}')") for name in QUEUES}


async def test_tables_stay_flat_under_steady_load(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    day = 1 / 86_400
    keeper = Housekeeping(database, Retention(inbox_days=0.2 * day, version_days=0.2 * day, beat_days=day))
    seen: list[dict[str, int]] = []
    for cycle in range(CYCLES):
        await load(database, cycle)
        await asyncio.sleep(0.25)
        await keeper.sweep()
        async with database.pool.acquire() as connection:
            for name in QUEUES:  # what autovacuum does in its own time
                await connection.execute(f"VACUUM {name}")
        seen.append(await sizes(database))
    early, late = seen[3], seen[-1]
    for name in QUEUES:
        assert late[name] <= early[name] * 1.25, (name, [one[name] for one in seen])


async def test_only_what_is_older_than_its_retention_goes(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    async with database.work() as work:
        await work.db.execute(
            """
            INSERT INTO inbox (consumer, event_id, handled_at)
            SELECT 'c', gen_random_uuid(), now() - make_interval(days => n) FROM generate_series(0, 39) n
            """
        )
        await work.db.execute("INSERT INTO inbox_mark VALUES ('c', 'case.v1', 0, 5)")
    swept = await Housekeeping(database, Retention(inbox_days=30.5)).sweep()
    assert swept["inbox"] == 9
    async with database.work() as work:
        assert await work.db.fetchval("SELECT count(*) FROM inbox") == 31
        assert await work.db.fetchval("SELECT next_offset FROM inbox_mark") == 5


async def test_every_queue_table_has_its_own_autovacuum(open_database: Any) -> None:
    database: Database = await open_database("scheduling")
    async with database.work() as work:
        rows = await work.db.fetch("SELECT relname FROM pg_class WHERE reloptions::text LIKE '%autovacuum%'")
    assert {row["relname"] for row in rows} >= set(QUEUES)
