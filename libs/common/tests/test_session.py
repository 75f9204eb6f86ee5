"""The session of a unit of work: SQLModel on the connection of the unit, in its transaction."""

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, func, select, update
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.tables import has_constant, is_any_of, json_column
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.statements import StatementLog


class OwnTable(SQLModel, registry=registry(metadata=MetaData())):
    pass


class Lamp(OwnTable, table=True):
    __tablename__ = "lamp"
    name: str = Field(primary_key=True)
    watts: int
    facts: Any = json_column(nullable=True)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    database = await open_database("scheduling")
    async with database.unit_of_work() as uow:
        await uow.db.execute("CREATE TABLE lamp (name varchar PRIMARY KEY, watts integer NOT NULL, facts jsonb)")
    return database


async def lamps(database: Database) -> list[tuple[str, int]]:
    async with database.unit_of_work() as uow:
        return [tuple(row) for row in await uow.db.fetch("SELECT name, watts FROM lamp ORDER BY name")]


async def test_session_and_connection_write_in_one_transaction(database: Database) -> None:
    async with database.unit_of_work() as uow:
        uow.session.add(Lamp(name="a", watts=1, facts={"k": [1]}))
        await uow.session.flush()
        assert await uow.db.fetchval("SELECT facts FROM lamp") == {"k": [1]}
        await uow.db.execute("INSERT INTO lamp (name, watts) VALUES ('b', 2)")
        assert (await uow.session.exec(select(Lamp.facts).where(Lamp.name == "b"))).one() is None
        uow.session.add(Lamp(name="c", watts=3))  # the commit flushes it
    assert await lamps(database) == [("a", 1), ("b", 2), ("c", 3)]
    with pytest.raises(KeyError):
        async with database.unit_of_work() as uow:
            await uow.session.exec(update(Lamp).values(watts=0))
            raise KeyError
    assert await lamps(database) == [("a", 1), ("b", 2), ("c", 3)]


async def test_a_known_select_is_one_statement(database: Database) -> None:
    statements: list[str] = []
    async with database.unit_of_work() as uow:
        (await uow.session.exec(select(Lamp).where(Lamp.name == "a"))).first()
        with uow.db.query_logger(lambda query: statements.append(query.query)):
            (await uow.session.exec(select(Lamp).where(Lamp.name == "b"))).first()
    assert len(statements) == 1


async def test_a_row_that_changed_since_is_read_anew(database: Database) -> None:
    async with database.unit_of_work() as uow:
        uow.session.add(Lamp(name="a", watts=1))
        await uow.session.flush()
        await uow.db.execute("UPDATE lamp SET watts = 2")
        assert (await uow.session.exec(select(Lamp))).one().watts == 2
        await uow.session.exec(update(Lamp).values(watts=Lamp.watts + 1))
        lamp = (await uow.session.exec(select(Lamp).with_for_update())).one()
        assert lamp.watts == 3
        lamp.watts = 4
    assert await lamps(database) == [("a", 4)]


async def test_errors_of_the_session_are_those_of_the_driver(database: Database) -> None:
    async with database.unit_of_work() as uow:
        uow.session.add(Lamp(name="a", watts=1))
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        async with database.unit_of_work() as uow:
            uow.session.add(Lamp(name="a", watts=1))
    assert caught.value.constraint_name == "lamp_pkey"
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        async with database.unit_of_work() as uow:
            await uow.session.exec(select(Lamp).where(Lamp.name == "\0"))


async def test_rows_of_a_rolled_back_savepoint_are_gone(database: Database) -> None:
    async with database.unit_of_work() as uow:
        uow.session.add(Lamp(name="a", watts=1))
        await uow.session.flush()
        with pytest.raises(asyncpg.UniqueViolationError):
            async with uow.db.transaction():
                uow.session.add(Lamp(name="b", watts=2))
                await uow.session.exec(insert(Lamp).values(name="a", watts=1))
        uow.discard_pending()
        uow.session.add(Lamp(name="c", watts=3))
    assert await lamps(database) == [("a", 1), ("c", 3)]


async def test_a_cancelled_statement_leaves_a_usable_connection(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with database.unit_of_work() as uow, asyncio.timeout(0.1):
            await uow.session.exec(select(func.pg_sleep(20)))
    async with database.unit_of_work() as uow:
        assert (await uow.session.exec(select(func.count()).select_from(Lamp))).one() == 0
    assert database.pool.get_size() == database.pool.get_idle_size()


async def test_any_number_of_values_is_one_statement_text(database: Database) -> None:
    texts: set[str] = set()
    async with database.unit_of_work() as uow:
        await uow.session.exec(insert(Lamp), params=[{"name": name, "watts": 1} for name in "abc"])
        with uow.db.query_logger(lambda query: texts.add(query.query)):
            for count in range(4):
                rows = await uow.session.exec(select(Lamp).where(is_any_of(Lamp.name, "abc"[:count])))
                assert len(rows.all()) == count
    assert len([text for text in texts if "FROM lamp" in text]) == 1


async def test_a_statement_is_planned_once_for_an_index_however_small_its_table_is(database: Database) -> None:
    lookup = "SELECT watts FROM lamp WHERE name = ANY($1::text[])"
    async with database.unit_of_work() as uow:
        await uow.session.exec(insert(Lamp).values(name="a", watts=1))
        for _ in range(3):
            assert len(await uow.db.fetch(lookup, ["a"])) == 1
        [plans] = await uow.db.fetch(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", lookup
        )
        explained = await uow.db.fetch("EXPLAIN SELECT watts FROM lamp WHERE name = 'a'")
    assert tuple(plans) == (3, 0)
    assert "Index Scan" in explained[0][0]


async def test_a_constant_stands_in_the_text_of_its_statement(database: Database) -> None:
    log = await StatementLog.of(database)
    async with database.unit_of_work() as uow:
        uow.session.add_all([Lamp(name=name, watts=1) for name in ("a", "b", "it's")])
        await uow.session.flush()
        within = await uow.session.exec(select(Lamp.name).where(has_constant(Lamp.name, "a", "it's")))
        assert set(within) == {"a", "it's"}
        assert list(await uow.session.exec(select(Lamp.name).where(~has_constant(Lamp.name, "a", "b")))) == ["it's"]
    assert "IN ('a', 'it''s')" in "".join(log.statements)
