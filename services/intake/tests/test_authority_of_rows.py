"""Rows carry the code of the authority to which they belong: that of the session, and for older rows that of the
migration."""

import asyncio

import asyncpg
import pytest
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt_testing.databases import MakeDatabase

TABLES = ("case_file", "stand", "till", "number_series", "number_block", "spent_number", "document")
NEW_SERIES = "INSERT INTO number_series (series, year, next_serial) VALUES ($1, 2026, 1)"


async def authority_of(connection: asyncpg.Connection, series: str) -> object:
    return await connection.fetchval("SELECT authority FROM number_series WHERE series = $1", series)


async def test_a_row_gets_the_authority_of_its_session(make_database: MakeDatabase) -> None:
    url = await make_database("intake")
    for code in ("at-wels", "at-steyr", ""):
        database = Database(url, service_name="intake", authority=code)
        await database.start()
        try:
            async with database.unit_of_work() as uow:
                await uow.db.execute(NEW_SERIES, f"S{code}")
                assert await authority_of(uow.db, f"S{code}") == code
        finally:
            await database.stop()


@pytest.mark.parametrize("code", ["at-wels", ""])
async def test_older_rows_get_that_of_the_migration(make_database: MakeDatabase, code: str) -> None:
    url = await make_database("intake")
    connection = await asyncpg.connect(url)
    try:
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} DROP COLUMN authority")
        await connection.execute(NEW_SERIES, "S")
        await connection.execute("UPDATE alembic_version SET version_num = '0006'")
        await asyncio.to_thread(migrate, url, "intake", authority=code)
        assert await authority_of(connection, "S") == code
        columns = await connection.fetch(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'authority'"
        )
        assert {column["table_name"] for column in columns} == set(TABLES)
        await connection.execute(NEW_SERIES, "T")
        assert await authority_of(connection, "T") == "", "the code of the migration is no literal of the table"
    finally:
        await connection.close()
