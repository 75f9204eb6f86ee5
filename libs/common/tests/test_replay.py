"""One command retries dead letters: once each, in order per case, however often the command is killed."""

import asyncio
import os
import signal
import sys
from typing import Protocol
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.dead_letter import encode_headers
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import CaseOpened, EventHeader, encode
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.run_keys import RunKeys

CASES = int(os.environ.get("CASES", "500"))  # 2000: ten thousand rows
VERSIONS = 5
KILLS = 3
RECORD_HANDLED = """
    CREATE TABLE handled_version (id bigserial PRIMARY KEY, aggregate uuid, version integer);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO handled_version (aggregate, version) VALUES (NEW.aggregate, NEW.version); RETURN NEW; END $$;
    CREATE TRIGGER noted AFTER INSERT OR UPDATE ON inbox_version FOR EACH ROW EXECUTE FUNCTION note();
"""


class RunCommand(Protocol):
    async def __call__(self, database: Database, *words: str) -> asyncio.subprocess.Process:
        """Starts the command line with a database of scheduling."""


def opened(case_id: UUID, version: int) -> tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]:
    event = CaseOpened.model_validate(
        {
            "case_id": case_id,
            "service": "x",
            "stand_id": case_id,
            "language": "de",
            "captured_at": "2026-05-04T09:30:00Z",
        }
    )
    header = EventHeader(uuid7(), CaseOpened.TYPE, "/wanderamt/intake", case_id, event.captured_at, version, {})
    return encode(event, header)


async def fill(database: Database, *, cases: int, versions: int) -> list[UUID]:
    ids = [uuid7() for _ in range(cases)]
    rows = []
    for version in range(1, versions + 1):
        for index, case_id in enumerate(ids):
            key, value, headers = opened(case_id, version)
            offset = version * cases + index
            state = "failed" if version == 1 else "blocked"
            rows.append((offset, case_id, key, value, encode_headers(headers), state))
    async with database.unit_of_work() as uow:
        await uow.db.executemany(
            """
            INSERT INTO dead_letter (consumer, topic, partition, "offset", aggregate, key, value, headers, state, type,
                                reason, fingerprint)
            VALUES ('scheduling', 'case.v1', 0, $1, $2, $3, $4, $5, $6, 'at.wanderamt.case.opened.v1', 'a bug', 'f00d')
            """,
            rows,
        )
    return ids


@pytest.fixture
def wanderamt(run_keys: RunKeys) -> RunCommand:
    """Starts the command line with a database of scheduling."""

    async def start(database: Database, *words: str) -> asyncio.subprocess.Process:
        env = {
            "WANDERAMT_DATABASE_URL": database.url,
            "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "WANDERAMT_TRUSTED_PROXIES": "none",
            "WANDERAMT_TOKEN_PUBLIC_KEY": run_keys.public_key,
            "WANDERAMT_ENCRYPTION_KEY": run_keys.encryption_key,
            "COLUMNS": "200",
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wanderamt.shell", *words),
            env={**os.environ, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    return start


async def output_of(process: asyncio.subprocess.Process) -> str:
    output, _ = await asyncio.wait_for(process.communicate(), 180)
    return output.decode(errors="replace")


async def count(database: Database, sql: str) -> int:
    async with database.unit_of_work() as uow:
        return int(await uow.db.fetchval(sql))


async def test_rows_are_replayed_once_and_in_order_although_the_replay_is_killed_three_times(
    open_database: OpenDatabase, wanderamt: RunCommand
) -> None:
    database: Database = await open_database("scheduling")
    ids = await fill(database, cases=CASES, versions=VERSIONS)
    async with database.unit_of_work() as uow:
        await uow.db.execute(RECORD_HANDLED)
    done = "SELECT count(*) FROM handled_version"
    for kill in range(1, KILLS + 1):
        process = await wanderamt(database, "dead-letters", "retry", "scheduling", "--who", "night shift")
        async with asyncio.timeout(120):
            while await count(database, done) < kill * CASES:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert 0 < await count(database, "SELECT count(*) FROM dead_letter") < CASES * VERSIONS
    process = await wanderamt(database, "dead-letters", "retry", "scheduling", "--who", "night shift")
    output = await output_of(process)
    assert process.returncode == 0, output
    async with database.unit_of_work() as uow:
        handled_version = await uow.db.fetch("SELECT aggregate, version FROM handled_version ORDER BY id")
        actions = await uow.db.fetch("SELECT who, action FROM audit_record ORDER BY id")
    by_case: dict[UUID, list[int]] = {case_id: [] for case_id in ids}
    for row in handled_version:
        by_case[row["aggregate"]].append(row["version"])
    assert all(versions == list(range(1, VERSIONS + 1)) for versions in by_case.values())
    assert await count(database, "SELECT count(*) FROM dead_letter") == 0
    assert await count(database, "SELECT count(*) FROM visit") == CASES
    assert {row["who"] for row in actions} == {"night shift"}
    assert [row["action"] for row in actions] == ["retry started"] * (KILLS + 1) + ["retry finished"]


async def test_dead_letters_are_listed_shown_counted_and_discarded(
    open_database: OpenDatabase, wanderamt: RunCommand
) -> None:
    database: Database = await open_database("scheduling")
    output = await output_of(await wanderamt(database, "dead-letters", "list", "scheduling"))
    assert "no dead letters" in output
    first, second = await fill(database, cases=2, versions=3)
    output = await output_of(await wanderamt(database, "dead-letters", "list", "scheduling"))
    assert "f00d" in output
    assert "a bug" in output
    output = await output_of(await wanderamt(database, "dead-letters", "show", "scheduling", "f00d"))
    assert str(first) in output
    output = await output_of(await wanderamt(database, "dead-letters", "retry", "scheduling", "--dry-run"))
    assert "6 rows of 2 aggregates" in output
    assert await count(database, "SELECT count(*) FROM dead_letter") == 6
    words = ("dead-letters", "discard", "scheduling", "--why", "test data", "--aggregate", str(second))
    assert "3 rows" in await output_of(await wanderamt(database, *words))
    assert await count(database, "SELECT count(*) FROM audit_record WHERE details->>'why' = 'test data'") == 1
    process = await wanderamt(database, "dead-letters", "discard", "scheduling", "--why", "x")
    assert "--group" in await output_of(process)
    assert process.returncode == 2
    output = await output_of(
        await wanderamt(database, "dead-letters", "retry", "scheduling", "--aggregate", str(first))
    )
    assert "replayed 3, stale 0, failed again 0" in output


async def test_two_replays_at_once_share_the_work_and_do_none_of_it_twice(
    open_database: OpenDatabase, wanderamt: RunCommand
) -> None:
    database: Database = await open_database("scheduling")
    await fill(database, cases=100, versions=3)
    async with database.unit_of_work() as uow:
        await uow.db.execute(RECORD_HANDLED)
    both = [await wanderamt(database, "dead-letters", "retry", "scheduling") for _ in range(2)]
    await asyncio.gather(*map(output_of, both))
    assert await count(database, "SELECT count(*) FROM handled_version") == 300
    assert await count(database, "SELECT count(*) FROM dead_letter") == 0
