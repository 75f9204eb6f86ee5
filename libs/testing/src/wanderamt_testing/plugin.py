"""The fixtures of all packages: real Kafka and PostgreSQL once per run, a database and a topic prefix per test.

Invariants: a server that does not start fails the tests; no test is skipped.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt_local.kafka import start_kafka
from wanderamt_local.postgres import start_postgres
from wanderamt_local.processes import ProcessSupervisor
from wanderamt_local.state import Secrets, StateFolder, state_root
from wanderamt_local.system import System

from wanderamt_testing.databases import MakeDatabase, OpenDatabase, TableDrift, table_drift_of
from wanderamt_testing.run_keys import RunKeys
from wanderamt_testing.servers import LoopThread, Servers

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


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A test that starts a service's log in the process of the tests hides lines from the tests after it: a logger
    keeps the level and the processors of its first line."""
    yield
    assert not structlog.get_config()["cache_logger_on_first_use"], "start the log in a process of its own"


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
    state = StateFolder(folder)
    # a place of its own, in which a test looks for content that services leave behind
    system = System(state, settings={"TMPDIR": str(state.subfolder("tmp"))})
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


@pytest.fixture
def table_drift() -> TableDrift:
    return table_drift_of
