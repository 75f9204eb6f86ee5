"""Fixtures for every member: real Kafka and PostgreSQL once per run, a database and a topic prefix per test.

A server that does not start fails the tests; nothing is skipped.
"""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database, migrate
from wanderamt.backbone.sources import utc_now
from wanderamt.backbone.topics import Topics
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner

from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import Children
from wanderamt_local.state import Secrets, State, state_root
from wanderamt_local.system import System

T = TypeVar("T")
MakeDatabase = Callable[[str], Coroutine[Any, Any, str]]
OpenDatabase = Callable[[str], Coroutine[Any, Any, Database]]

HEAVY_UNTIL = 0.85  # of the run: what is long is not left for the end, when the other workers have nothing more to do


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Spreads files that drive whole systems among the light ones, so that workers that take file after file keep all
    cores busy: heavy ones side by side wait for each other's processors, light ones for nothing much.
    """
    heavy = config.rootpath / "tests"
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    kinds = [[path for path in files if path.is_relative_to(heavy) is wanted] for wanted in (True, False)]
    place = {
        path: share * at / len(kind)
        for kind, share in zip(kinds, (HEAVY_UNTIL, 1.0), strict=True)
        for at, path in enumerate(kind)
    }
    items[:] = [item for path in sorted(files, key=lambda one: place[one]) for item in files[path]]


class LoopThread:
    """An event loop that outlives single tests, for servers that serve the whole run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(180)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@dataclass(frozen=True)
class Servers:
    """`migrated`: by package, the database that a fresh one is copied from: migrating takes ten times as long."""

    kafka: Kafka
    postgres: Postgres
    migrated: dict[str, str] = field(default_factory=dict)

    async def database(self, package: str, name: str) -> str:
        if package not in self.migrated:
            template = f"{package}_{uuid7().hex[-12:]}_migrated"
            await asyncio.to_thread(migrate, await self.postgres.create_database(template), package)
            self.migrated[package] = template
        return await self.postgres.create_database(name, template=self.migrated[package])

    async def drop_templates(self) -> None:
        for template in self.migrated.values():
            await self.postgres.drop_database(template)


@dataclass(frozen=True)
class Badge:
    """Keys of one run, and tokens made with them."""

    secrets: Secrets

    @property
    def public_key(self) -> str:
        return self.secrets.token_public_key

    @property
    def sealing_key(self) -> str:
        return self.secrets.sealing_key

    def token(
        self,
        *roles: Role,
        audience: str,
        device: UUID | None = None,
        stand: UUID | None = None,
        lifetime: timedelta = timedelta(minutes=5),
    ) -> str:
        caller = Caller("tester@linz", frozenset(roles), device, stand)
        return TokenSigner(self.secrets.token_private_key).sign(
            caller, audience=audience, now=utc_now(), lifetime=lifetime
        )


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture(scope="session")
def servers(loop_thread: LoopThread) -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="wanderamt-test-"))
    state, children = State(folder), Children()

    async def start() -> Servers:
        kafka, postgres = await asyncio.gather(start_kafka(state, children), start_postgres(state, children))
        return Servers(kafka, postgres)

    started = loop_thread.run(start())
    yield started
    loop_thread.run(started.drop_templates())
    loop_thread.run(children.stop())
    started.kafka.stop()
    started.postgres.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def badge() -> Badge:
    return Badge(Secrets.make())


@pytest.fixture(scope="session")
def running_system(loop_thread: LoopThread) -> Iterator[System]:
    """The whole system as 'make up' runs it: four services, simulators, servers, each a process."""
    folder = Path(tempfile.mkdtemp(prefix="wanderamt-e2e-"))
    system = System(State(folder))
    loop_thread.run(system.start())
    yield system
    loop_thread.run(system.stop())
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_state(tmp_path: Path) -> dict[str, str]:
    """Environment for a command that starts a system of its own; Kafka's jars are fetched once, by make."""
    state = tmp_path / "state"
    state.mkdir()
    for jars in ("kafka-jars", "verapdf-jars"):
        (state / jars).symlink_to(state_root() / jars)
    return {**os.environ, "WANDERAMT_STATE": str(state)}


@pytest.fixture
def topics() -> Topics:
    return Topics(prefix=f"t{uuid7().hex[-12:]}.")


@pytest_asyncio.fixture
async def make_database(servers: Servers) -> AsyncIterator[MakeDatabase]:
    """`await make_database("intake")` → the URL of a fresh database with that service's schema."""
    made: list[str] = []

    async def make(package: str) -> str:
        name = f"{package}_{uuid7().hex[-12:]}"
        made.append(name)
        return await servers.database(package, name)

    yield make
    for name in made:
        await servers.postgres.drop_database(name)


@pytest_asyncio.fixture
async def open_database(make_database: MakeDatabase) -> AsyncIterator[OpenDatabase]:
    """`await open_database("scheduling")` → a started Database of that service, fresh and migrated."""
    opened: list[Database] = []

    async def start(package: str) -> Database:
        database = Database(await make_database(package), owner=package.replace("_", "-"))
        await database.start()
        opened.append(database)
        return database

    yield start
    for database in opened:
        await database.stop()


BACKBONE_TABLES = {
    *("outbox", "relay_beat", "inbox", "inbox_version", "inbox_mark", "parked", "operator_action", "job"),
    "alembic_version",
}


@pytest.fixture
def table_drift() -> Callable[[str, MetaData], Coroutine[Any, Any, list[str]]]:
    """`await table_drift(url, metadata)` → what differs between a service's tables.py and its migrated database."""

    async def drift(url: str, metadata: MetaData) -> list[str]:
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(_drift, metadata)
        finally:
            await engine.dispose()

    return drift


def _drift(connection: Connection, metadata: MetaData) -> list[str]:
    inspector = inspect(connection)
    found = set(inspector.get_table_names()) - BACKBONE_TABLES
    differences = [f"table {name}" for name in sorted(found ^ metadata.tables.keys())]
    for name in sorted(found & metadata.tables.keys()):
        there = {column["name"]: bool(column["nullable"]) for column in inspector.get_columns(name)}
        said = {column.name: bool(column.nullable) for column in metadata.tables[name].columns}
        differences += [f"{name}.{column}" for column, _ in sorted(there.items() ^ said.items())]
    return differences
