"""What telling costs: commits per second with and without an event, in SQL and through SQLModel.

In SQL the case is written as intake writes it, its file and the first chapter of its history. Both sides make the fact,
as a decision does; one of them tells it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from intake.domain.process.case import after
from intake.domain.process.happening import Opened
from intake.domain.telling import Parts
from intake.store.cases import Filed, save_cases
from intake.store.history import Chapter, chapters_added
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
from wanderamt.contracts import CaseOpened, Language
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.sealed import Sealed

from wanderamt_bench.stage import Stage, event, rate

WRITERS = 16
TURNS = 100
TABLE = "CREATE TABLE filed (case_id uuid PRIMARY KEY, version integer NOT NULL, body jsonb NOT NULL, at timestamptz NOT NULL)"
BODY = {f"answer_{n}": "x" * 40 for n in range(16)}  # a case as it lies in the table: its form, 1 KB
NOW = utc_now()
PART = Sealed(subject=uuid7(), nonce="n" * 16, text="x" * 260)  # of a form, as it lies and travels
PARTS = Parts(applicant=PART, contact=PART)
OPENED = Opened(
    service="registration_confirmation",
    edition="registration_confirmation@2025-07-01",
    stand_id=StandId(uuid7()),
    device_id=DeviceId(uuid7()),
    language=Language.DE,
    owner="clerk.one@linz",
    captured_at=NOW,
    application_day=NOW.date(),
    number=None,
    deadline=NOW,
)


class Table(SQLModel, registry=registry(metadata=MetaData())):
    pass


class Lying(Table, table=True):
    __tablename__ = "filed"
    case_id: UUID = Field(primary_key=True)
    version: int
    body: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


async def bench_emit(stage: Stage) -> None:
    count = stage.rows(16_000)
    load = f"{WRITERS} writers, one transaction each"
    sql: list[tuple[float, float]] = []
    async with stage.database("intake") as database:
        await _all(count // 10, lambda: file_case(database, told=True))
        for _ in range(stage.rounds):
            await emptied(database, "case_file, case_history, outbox")
            sql.append(
                await in_turns(count, lambda: file_case(database, told=False), lambda: file_case(database, told=True))
            )
    stage.note("emit in SQL: case and event / case alone", "commits/s", sql, f"{count} commits, {load}")
    mapped: list[tuple[float, float]] = []
    async with stage.database() as database, mapping(database) as engine:
        for _ in range(stage.rounds):
            await emptied(database, "filed, outbox")
            mapped.append(
                await in_turns(count // 4, lambda: add_case(engine, told=False), lambda: add_case(engine, told=True))
            )
    stage.note(
        "emit through SQLModel: case and event / case alone", "commits/s", mapped, f"{count // 4} commits, 1 KB, {load}"
    )


@asynccontextmanager
async def mapping(database: Database) -> AsyncIterator[AsyncEngine]:
    async with database.work() as work:
        await work.db.execute(TABLE)
    engine = create_async_engine(
        database.url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=WRITERS, max_overflow=0
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def emptied(database: Database, tables: str) -> None:
    """As a relay keeps the outbox: the scene has none, which would share the cores with one side only."""
    async with database.work() as work:
        await work.db.execute(f"TRUNCATE {tables}")


async def in_turns(
    count: int, this: Callable[[], Awaitable[object]], that: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Both rates, measured in short turns: what else the machine does hits both."""
    spent = [0.0, 0.0]
    part = count // TURNS
    for _ in range(TURNS):
        for place, once in enumerate((this, that)):
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


async def file_case(database: Database, *, told: bool) -> None:
    """In SQL, as intake does."""
    async with database.work() as work:
        case = after(None, OPENED, CaseId(work.new_id()))
        fact = CaseOpened(
            case_id=case.id,
            service=case.service,
            stand_id=case.stand_id,
            language=case.language,
            captured_at=case.captured_at,
            contact=PARTS.contact,
        )
        if told:
            work.emit(fact, version=1)
        chapter = Chapter(case.id, case.version, (OPENED,), PARTS, "clerk.one@linz", case.device_id)
        await save_cases(work, [Filed(case, PARTS, 1, work.now)], beside=[chapters_added([chapter], now=work.now)])


async def add_case(engine: AsyncEngine, *, told: bool) -> None:
    """Through SQLModel."""
    async with AsyncSession(engine) as session:
        case_id = uuid7()
        fact = event(case_id)
        session.add(Lying(case_id=case_id, version=1, body=BODY, at=utc_now()))
        await session.flush()
        if told:
            raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
            work = Work(raw, owner="scheduling", sources=Sources())
            work.emit(fact, version=1)
            await work.flush()
        await session.commit()
