"""The cost of an event: commits per second with and without one, in SQL and through SQLModel.

In SQL the benchmark writes a case as intake does: its state and the first row of its history. Both sides create the
event object; only one of them emits it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from intake.domain.case.case_events import Opened
from intake.domain.case.fold import apply
from intake.domain.event_mapping import EncryptedForm
from intake.store.case_statements import CaseRecord, save_cases
from intake.store.history_statements import HistoryRow, insert_history
from pydantic import SecretStr
from sqlalchemy import Column, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CaseOpened, Language
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher, generate_master_key

from wanderamt_bench.bench_environment import BenchEnvironment, new_event, rate

WRITERS = 16
TURNS = 100
TABLE = "CREATE TABLE mapped_case (case_id uuid PRIMARY KEY, version integer NOT NULL, body jsonb NOT NULL, at timestamptz NOT NULL)"
BODY = {f"answer_{n}": "x" * 40 for n in range(16)}  # the form of a stored case, 1 KB
NOW = utc_now()
CIPHER = FieldCipher(SecretStr(generate_master_key()))
ENCRYPTED_PART = Sealed(subject=uuid7(), nonce="n" * 16, text="x" * 260)  # one part of an encrypted form
FORM = EncryptedForm(applicant=ENCRYPTED_PART, contact=ENCRYPTED_PART)
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


class BenchTable(SQLModel, registry=registry(metadata=MetaData())):
    pass


class MappedCase(BenchTable, table=True):
    __tablename__ = "mapped_case"
    case_id: UUID = Field(primary_key=True)
    version: int
    body: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


async def bench_emit(bench: BenchEnvironment) -> None:
    count = bench.scaled(16_000)
    load = f"{WRITERS} writers, one transaction each"
    in_sql: list[tuple[float, float]] = []
    async with bench.database("intake") as database:
        await _all(count // 10, lambda: insert_case(database, emits=True))
        for _ in range(bench.rounds):
            await truncate(database, "case_file, case_history, outbox")
            in_sql.append(
                await alternate(
                    count, lambda: insert_case(database, emits=False), lambda: insert_case(database, emits=True)
                )
            )
    bench.record("emit in SQL: case and event / case alone", "commits/s", in_sql, f"{count} commits, {load}")
    mapped: list[tuple[float, float]] = []
    async with bench.database() as database, open_engine(database) as engine:
        for _ in range(bench.rounds):
            await truncate(database, "mapped_case, outbox")
            mapped.append(
                await alternate(
                    count // 4,
                    lambda: insert_mapped_case(engine, emits=False),
                    lambda: insert_mapped_case(engine, emits=True),
                )
            )
    bench.record(
        "emit through SQLModel: case and event / case alone", "commits/s", mapped, f"{count // 4} commits, 1 KB, {load}"
    )


@asynccontextmanager
async def open_engine(database: Database) -> AsyncIterator[AsyncEngine]:
    async with database.unit_of_work() as uow:
        await uow.db.execute(TABLE)
    engine = create_async_engine(
        database.url.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=WRITERS, max_overflow=0
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def truncate(database: Database, tables: str) -> None:
    """Empties the tables. The scene runs no relay, because it would take CPU time from one side only."""
    async with database.unit_of_work() as uow:
        await uow.db.execute(f"TRUNCATE {tables}")


async def alternate(
    count: int, first: Callable[[], Awaitable[object]], second: Callable[[], Awaitable[object]]
) -> tuple[float, float]:
    """Both rates, measured in short turns, so that other load on the machine affects both."""
    spent = [0.0, 0.0]
    turns = min(TURNS, max(1, count // WRITERS))
    part = count // turns
    for _ in range(turns):
        for place, once in enumerate((first, second)):
            spent[place] += part / await _all(part, once)
    return turns * part / spent[0], turns * part / spent[1]


async def _all(count: int, once: Callable[[], Awaitable[object]]) -> float:
    left = count

    async def writer() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await once()

    return await rate(count, lambda: asyncio.gather(*(writer() for _ in range(WRITERS))))


async def insert_case(database: Database, *, emits: bool) -> None:
    """Inserts a case in SQL, as intake does."""
    async with database.unit_of_work() as uow:
        case = apply(None, OPENED, CaseId(uow.new_id()))
        event = CaseOpened(
            case_id=case.id,
            service=case.service,
            stand_id=case.stand_id,
            language=case.language,
            captured_at=case.captured_at,
            contact=FORM.contact,
        )
        if emits:
            uow.emit(event, version=1)
        history = HistoryRow(case.id, case.version, (OPENED,), FORM, "clerk.one@linz", case.device_id)
        save_cases(
            uow,
            [CaseRecord(case, FORM, 1, uow.now)],
            also=[insert_history([history], now=uow.now, cipher=CIPHER)],
            cipher=CIPHER,
        )


async def insert_mapped_case(engine: AsyncEngine, *, emits: bool) -> None:
    """Inserts a case through SQLModel."""
    async with AsyncSession(engine) as session:
        case_id = uuid7()
        event = new_event(case_id)
        session.add(MappedCase(case_id=case_id, version=1, body=BODY, at=utc_now()))
        await session.flush()
        if emits:
            raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
            uow = UnitOfWork(raw, service_name="scheduling", environment=Environment())
            uow.emit(event, version=1)
            await uow.flush()
        await session.commit()
