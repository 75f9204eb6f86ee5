"""The service's own PostgreSQL database: pool, transactions, migrations.

Kept true: one `work()` block is one transaction; it commits whole or not at all, and wakes relay and job runner
only after the commit (a NOTIFY inside would serialise all commits of the server).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from secrets import token_hex
from typing import Any

import asyncpg
import structlog
from alembic import command
from alembic.config import Config

from wanderamt.backbone.sources import Sources
from wanderamt.backbone.work import Work

COMMAND_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
WAKE_AFTER_S = 0.005  # who listens in this process is at work already, and goes first
WAKE_AT_MOST_EVERY_S = 0.05
SESSION = {
    # a process that is frozen inside a transaction must not hold its rows from the others
    "idle_in_transaction_session_timeout": "15000",
    # and one whose machine is gone must not hold its advisory locks
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

# What a database does when it restarts, is overloaded or chose us as the deadlock victim: wait and do it again.
TRANSIENT: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a connection that broke in the middle of an answer
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    TimeoutError,
    OSError,
)

# What no text column takes: NUL, and what the server's encoding lacks.
UNSTORABLE: tuple[type[Exception], ...] = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)

log = structlog.get_logger()


async def prepare_connection(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _keep(_: Any) -> None:
    """Nothing is set on a pooled connection that outlives its transaction, so nothing is reset: a round trip less."""


@dataclass
class Database:
    """`owner` is the service's name: the source of its events and the owner of its topics."""

    url: str
    owner: str
    sources: Sources = field(default_factory=Sources)
    max_connections: int = 10
    pool: Any = None
    _name: str = field(default_factory=partial(token_hex, 8))
    _here: list[tuple[str, asyncio.Event]] = field(default_factory=list)
    _woken: set[str] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _waker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self.max_connections,
            init=prepare_connection,
            reset=_keep,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=SESSION | {"application_name": self.owner},
        )
        self._waker = asyncio.create_task(self._wake_listeners(), name="database-waker")

    async def stop(self) -> None:
        if self._waker:
            self._waker.cancel()
            await asyncio.gather(self._waker, return_exceptions=True)
        if self.pool:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.pool.close(), CONNECT_TIMEOUT_S)

    @asynccontextmanager
    async def work(self, *, quiet: bool = False) -> AsyncIterator[Work]:
        """`quiet`: nothing is told and nothing enqueued (see Work)."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            async with connection.transaction():
                work = Work(connection, owner=self.owner, sources=self.sources, quiet=quiet)
                yield work
                await work.flush()
            self.wake(*work.woken)

    async def alive(self) -> bool:
        try:
            async with self.pool.acquire(timeout=2) as connection:
                return bool(await connection.fetchval("SELECT true", timeout=2))
        except TRANSIENT:
            return False

    def wake(self, *channels: str) -> None:
        """Tells listeners on these channels that there is work: here at once, others 5 ms later, under load 50."""
        if channels:
            for channel, woken in self._here:
                if channel in channels:
                    woken.set()
            self._woken.update(channels)
            self._wake.set()

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[tuple[Any, asyncio.Event]]:
        """A connection of its own with an event that is set whenever `channel` is notified."""
        woken = asyncio.Event()
        connection = await asyncpg.connect(
            self.url, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S, server_settings=SESSION
        )
        here = (channel, woken)
        self._here.append(here)
        try:
            await prepare_connection(connection)
            await connection.add_listener(channel, partial(self._hear, woken))
            yield connection, woken
        finally:
            self._here.remove(here)
            with suppress(*TRANSIENT):
                await connection.close(timeout=2)

    def _hear(self, woken: asyncio.Event, _connection: Any, _pid: int, _channel: str, sender: str) -> None:
        """What this process notified, its own listeners knew before."""
        if sender != self._name:
            woken.set()

    async def _wake_listeners(self) -> None:
        loop = asyncio.get_running_loop()
        waked_at = 0.0
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(WAKE_AFTER_S, waked_at + WAKE_AT_MOST_EVERY_S - loop.time()))
            waked_at = loop.time()
            self._wake.clear()
            channels, self._woken = sorted(self._woken), set()
            try:
                async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                    await connection.execute("SELECT pg_notify(c, $2) FROM unnest($1::text[]) c", channels, self._name)
            except Exception as error:  # a lost wake-up costs one poll interval, no more
                log.warning("database.wake_lost", error=type(error).__name__)


def migrate(url: str, package: str) -> None:
    """Brings the database of the service `package` to its newest schema. Safe to run twice, and twice at once."""
    config = Config()
    config.set_main_option("script_location", str(files(f"{package}.migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")
