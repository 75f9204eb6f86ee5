"""Fixtures for all tests: real Kafka and PostgreSQL once per run, a database and a topic prefix per test.

Invariants: a server that does not start fails the tests; no test is skipped.
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
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner

from wanderamt_local.kafka import Kafka, start_kafka
from wanderamt_local.postgres import Postgres, start_postgres
from wanderamt_local.processes import ProcessSupervisor
from wanderamt_local.state import Secrets, StateFolder, state_root
from wanderamt_local.system import System

T = TypeVar("T")
MakeDatabase = Callable[[str], Coroutine[Any, Any, str]]
OpenDatabase = Callable[[str], Coroutine[Any, Any, Database]]
TableDrift = Callable[[str, MetaData], Coroutine[Any, Any, list[str]]]

HEAVY_UNTIL = 0.85  # of the run: long files are not left for the end, when other workers have nothing to do


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Spreads the heavy test files (those that start whole systems) among the light ones.

    Workers take one file after the other; heavy files side by side would compete for the processors.
    """
    heavy = (config.rootpath / "tests", config.rootpath / "tools")
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    kinds = [[path for path in files if any(map(path.is_relative_to, heavy)) is is_heavy] for is_heavy in (True, False)]
    positions = {
        path: share * at / len(kind)
        for kind, share in zip(kinds, (HEAVY_UNTIL, 1.0), strict=True)
        for at, path in enumerate(kind)
    }
    items[:] = [item for path in sorted(files, key=lambda path: positions[path]) for item in files[path]]


class LoopThread:
    """An event loop that outlives single tests, for servers of the whole run."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(180)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@dataclass(frozen=True)
class Servers:
    """`migrated`: by package, the template database for new ones: copying is ten times faster than migrating."""

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
class RunKeys:
    """The keys of one test run, and tokens signed with them."""

    secrets: Secrets

    @property
    def public_key(self) -> str:
        return self.secrets.token_public_key

    @property
    def encryption_key(self) -> str:
        return self.secrets.encryption_key

    def token(
        self,
        *roles: Role,
        audience: str,
        device: UUID | None = None,
        stand: UUID | None = None,
        lifetime: timedelta = timedelta(minutes=5),
    ) -> str:
        caller = Principal("tester@linz", frozenset(roles), device, stand)
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
    state, supervisor = StateFolder(folder), ProcessSupervisor()

    async def start() -> Servers:
        kafka, postgres = await asyncio.gather(start_kafka(state, supervisor), start_postgres(state, supervisor))
        return Servers(kafka, postgres)

    started = loop_thread.run(start())
    yield started
    loop_thread.run(started.drop_templates())
    loop_thread.run(supervisor.stop())
    started.kafka.stop()
    started.postgres.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def run_keys() -> RunKeys:
    return RunKeys(Secrets.generate())


@pytest.fixture(scope="session")
def running_system(loop_thread: LoopThread) -> Iterator[System]:
    """The whole system as 'make up' runs it: four services, simulators and servers, each in its own process."""
    folder = Path(tempfile.mkdtemp(prefix="wanderamt-e2e-"))
    system = System(StateFolder(folder))
    loop_thread.run(system.start())
    yield system
    loop_thread.run(system.stop())
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_state(tmp_path: Path) -> dict[str, str]:
    """Environment for a command that starts its own system; it uses the jars that make has fetched."""
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
    created: list[str] = []

    async def make(package: str) -> str:
        name = f"{package}_{uuid7().hex[-12:]}"
        created.append(name)
        return await servers.database(package, name)

    yield make
    for name in created:
        await servers.postgres.drop_database(name)


@pytest_asyncio.fixture
async def open_database(make_database: MakeDatabase) -> AsyncIterator[OpenDatabase]:
    """`await open_database("scheduling")` → a started Database of that service, fresh and migrated."""
    opened: list[Database] = []

    async def start(package: str) -> Database:
        database = Database(await make_database(package), service_name=package.replace("_", "-"))
        await database.start()
        opened.append(database)
        return database

    yield start
    for database in opened:
        await database.stop()


BACKBONE_TABLES = {
    *(
        "outbox",
        "relay_heartbeat",
        "inbox",
        "inbox_version",
        "inbox_watermark",
        "dead_letter",
        "operator_action",
        "job",
    ),
    "alembic_version",
}


@pytest.fixture
def table_drift() -> TableDrift:
    """`await table_drift(url, metadata)` → the differences between tables.py and the migrated database of a service."""

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
    present = set(inspector.get_table_names()) - BACKBONE_TABLES
    differences = [f"table {name}" for name in sorted(present ^ metadata.tables.keys())]
    for name in sorted(present & metadata.tables.keys()):
        actual = {column["name"]: bool(column["nullable"]) for column in inspector.get_columns(name)}
        declared = {column.name: bool(column.nullable) for column in metadata.tables[name].columns}
        differences += [f"{name}.{column}" for column, _ in sorted(actual.items() ^ declared.items())]
    return differences
