"""Parked events are driven again by one command: once each, in order per case, however often the command is killed."""

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.parked import freeze
from wanderamt.contracts import CaseOpened, Head, encode

CASES = int(os.environ.get("CASES", "500"))  # 2000: the ten thousand rows that were promised
VERSIONS = 5
KILLS = 3
LEDGER = """
    CREATE TABLE ledger (id bigserial PRIMARY KEY, aggregate uuid, version integer);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO ledger (aggregate, version) VALUES (NEW.aggregate, NEW.version); RETURN NEW; END $$;
    CREATE TRIGGER noted AFTER INSERT OR UPDATE ON inbox_version FOR EACH ROW EXECUTE FUNCTION note();
"""


def opened(case_id: UUID, version: int) -> tuple[bytes, bytes, Any]:
    event = CaseOpened.model_validate(
        {
            "case_id": case_id,
            "service": "x",
            "stand_id": case_id,
            "language": "de",
            "captured_at": "2026-05-04T09:30:00Z",
        }
    )
    head = Head(uuid7(), CaseOpened.TYPE, "/wanderamt/intake", case_id, event.captured_at, version, {})
    return encode(event, head)


async def fill(database: Database, *, cases: int, versions: int) -> list[UUID]:
    ids = [uuid7() for _ in range(cases)]
    rows = []
    for version in range(1, versions + 1):
        for place, case_id in enumerate(ids):
            key, value, headers = opened(case_id, version)
            offset = version * cases + place
            state = "parked" if version == 1 else "behind"
            rows.append((offset, case_id, key, value, freeze(headers), state))
    async with database.work() as work:
        await work.db.executemany(
            """
            INSERT INTO parked (consumer, topic, partition, "offset", aggregate, key, value, headers, state, type,
                                reason, fingerprint)
            VALUES ('scheduling', 'case.v1', 0, $1, $2, $3, $4, $5, $6, 'at.wanderamt.case.opened.v1', 'a bug', 'f00d')
            """,
            rows,
        )
    return ids


@pytest.fixture
def wanderamt(badge: Any) -> Any:
    """Starts the command line against a database of scheduling."""

    async def start(database: Database, *words: str) -> asyncio.subprocess.Process:
        env = {
            "WANDERAMT_DATABASE_URL": database.url,
            "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "WANDERAMT_TOKEN_PUBLIC_KEY": badge.public_key,
            "WANDERAMT_SEALING_KEY": badge.sealing_key,
            "COLUMNS": "200",
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wanderamt.shell", *words),
            env={**os.environ, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    return start


async def said(process: asyncio.subprocess.Process) -> str:
    output, _ = await asyncio.wait_for(process.communicate(), 180)
    return output.decode(errors="replace")


async def count(database: Database, sql: str) -> int:
    async with database.work() as work:
        return int(await work.db.fetchval(sql))


async def test_rows_are_replayed_once_and_in_order_although_the_replay_is_killed_three_times(
    open_database: Any, wanderamt: Any
) -> None:
    database: Database = await open_database("scheduling")
    ids = await fill(database, cases=CASES, versions=VERSIONS)
    async with database.work() as work:
        await work.db.execute(LEDGER)
    done = "SELECT count(*) FROM ledger"
    for kill in range(1, KILLS + 1):
        process = await wanderamt(database, "parked", "replay", "scheduling", "--who", "night shift")
        async with asyncio.timeout(120):
            while await count(database, done) < kill * CASES:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert 0 < await count(database, "SELECT count(*) FROM parked") < CASES * VERSIONS
    process = await wanderamt(database, "parked", "replay", "scheduling", "--who", "night shift")
    output = await said(process)
    assert process.returncode == 0, output
    async with database.work() as work:
        ledger = await work.db.fetch("SELECT aggregate, version FROM ledger ORDER BY id")
        actions = await work.db.fetch("SELECT who, action FROM operator_action ORDER BY id")
    by_case: dict[UUID, list[int]] = {case_id: [] for case_id in ids}
    for row in ledger:
        by_case[row["aggregate"]].append(row["version"])
    assert all(versions == list(range(1, VERSIONS + 1)) for versions in by_case.values())
    assert await count(database, "SELECT count(*) FROM parked") == 0
    assert await count(database, "SELECT count(*) FROM visit") == CASES
    assert {row["who"] for row in actions} == {"night shift"}
    assert [row["action"] for row in actions] == ["replay begins"] * (KILLS + 1) + ["replay ends"]


async def test_what_is_parked_is_listed_shown_counted_and_thrown_away(open_database: Any, wanderamt: Any) -> None:
    database: Database = await open_database("scheduling")
    output = await said(await wanderamt(database, "parked", "list", "scheduling"))
    assert "Nothing is parked" in output
    first, second = await fill(database, cases=2, versions=3)
    output = await said(await wanderamt(database, "parked", "list", "scheduling"))
    assert "f00d" in output
    assert "a bug" in output
    output = await said(await wanderamt(database, "parked", "show", "scheduling", "f00d"))
    assert str(first) in output
    output = await said(await wanderamt(database, "parked", "replay", "scheduling", "--dry-run"))
    assert "6 rows of 2 aggregates" in output
    assert await count(database, "SELECT count(*) FROM parked") == 6
    words = ("parked", "discard", "scheduling", "--why", "test data", "--aggregate", str(second))
    assert "3 rows" in await said(await wanderamt(database, *words))
    assert await count(database, "SELECT count(*) FROM operator_action WHERE details->>'why' = 'test data'") == 1
    process = await wanderamt(database, "parked", "discard", "scheduling", "--why", "x")
    assert "--group" in await said(process)
    assert process.returncode == 2
    output = await said(await wanderamt(database, "parked", "replay", "scheduling", "--aggregate", str(first)))
    assert "replayed 3, stale 0, failed again 0" in output


async def test_two_replays_at_once_share_the_work_and_do_none_of_it_twice(open_database: Any, wanderamt: Any) -> None:
    database: Database = await open_database("scheduling")
    await fill(database, cases=100, versions=3)
    async with database.work() as work:
        await work.db.execute(LEDGER)
    both = [await wanderamt(database, "parked", "replay", "scheduling") for _ in range(2)]
    await asyncio.gather(*map(said, both))
    assert await count(database, "SELECT count(*) FROM ledger") == 300
    assert await count(database, "SELECT count(*) FROM parked") == 0
