"""What telling costs: commits per second with and without an event, in SQL and through SQLModel.

Both sides make the fact, as a decision does; one of them tells it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.sources import Sources, utc_now
from wanderamt.backbone.work import Work

from wanderamt_bench.stage import Stage, event, rate

WRITERS = 16
TURNS = 100
TABLE = "CREATE TABLE filed (case_id uuid PRIMARY KEY, version integer NOT NULL, body jsonb NOT NULL, at timestamptz NOT NULL)"
BODY = {f"answer_{n}": "x" * 40 for n in range(16)}  # a case as it lies in the table: its form, 1 KB
INSERT = "INSERT INTO filed (case_id, version, body, at) VALUES ($1, 1, $2, $3)"


class Table(SQLModel, registry=registry(metadata=MetaData())):
    pass


class Filed(Table, table=True):
    __tablename__ = "filed"
    case_id: UUID = Field(primary_key=True)
    version: int
    body: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


async def bench_emit(stage: Stage) -> None:
    count = stage.rows(16_000)
    sql: list[tuple[float, float]] = []
    mapped: list[tuple[float, float]] = []
    async with stage.database() as database:
        async with database.work() as work:
            await work.db.execute(TABLE)
        engine = create_async_engine(
            database.url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=WRITERS, max_overflow=0
        )
        await _all(count // 10, lambda: _sql(database, told=True))
        for _ in range(stage.rounds):
            await _emptied(database)
            sql.append(await _in_turns(count, lambda: _sql(database, told=False), lambda: _sql(database, told=True)))
        for _ in range(stage.rounds):
            await _emptied(database)
            mapped.append(
                await _in_turns(count // 4, lambda: _mapped(engine, told=False), lambda: _mapped(engine, told=True))
            )
        await engine.dispose()
    load = f"{WRITERS} writers, 1 KB, one transaction each"
    stage.note("emit in SQL: case and event / case alone", "commits/s", sql, f"{count} commits, {load}")
    stage.note(
        "emit through SQLModel: case and event / case alone", "commits/s", mapped, f"{count // 4} commits, {load}"
    )


async def _emptied(database: Database) -> None:
    """As a relay keeps the outbox: the scene has none, which would share the cores with one side only."""
    async with database.work() as work:
        await work.db.execute("TRUNCATE filed, outbox")


async def _in_turns(
    count: int, alone: Callable[[], Awaitable[object]], told: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Both rates, measured in short turns: what else the machine does hits both."""
    spent = [0.0, 0.0]
    part = count // TURNS
    for _ in range(TURNS):
        for place, once in enumerate((alone, told)):
            spent[place] += part / await _all(part, once)
    return TURNS * part / spent[0], TURNS * part / spent[1]


async def _all(count: int, once: Callable[[], Awaitable[object]]) -> float:
    left = count

    async def writer() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await once()

    return await rate(count, lambda: asyncio.gather(*(writer() for _ in range(WRITERS))))


async def _sql(database: Database, *, told: bool) -> None:
    async with database.work() as work:
        case_id = work.new_id()
        fact = event(case_id)
        if told:
            work.emit(fact, version=1)
        await work.save(INSERT, case_id, BODY, work.now)


async def _mapped(engine: AsyncEngine, *, told: bool) -> None:
    async with AsyncSession(engine) as session:
        case_id = uuid7()
        fact = event(case_id)
        session.add(Filed(case_id=case_id, version=1, body=BODY, at=utc_now()))
        await session.flush()
        if told:
            raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
            work = Work(raw, owner="scheduling", sources=Sources())
            work.emit(fact, version=1)
            await work.flush()
        await session.commit()
