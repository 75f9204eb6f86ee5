"""The service's own PostgreSQL database: connection pool, transactions, notifications.

Invariants: one `unit_of_work()` block is one transaction; it commits as a whole or not at all. It notifies relay and
job runner only after the commit, because a NOTIFY inside the transaction would serialise all commits of the server.
There is no NOTIFY while a listener of this process does all the work of its channel.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex
from typing import Any

import asyncpg
import structlog

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

COMMAND_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
NOTIFY_DELAY_S = 0.005  # listeners of this process are signalled at once and go first
NOTIFY_INTERVAL_S = 0.05  # at most one NOTIFY statement in this time
SUBJECTS_INTERVAL_S = 0.5  # and one for channels with a subject: people wait for these, no work does
SESSION_SETTINGS = {
    # a process that stalls inside a transaction must not keep its rows locked
    "idle_in_transaction_session_timeout": "15000",
    # a process whose machine is gone must not keep its advisory locks
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # each statement finds its rows by an index: planned once per connection instead of at each execution, and not
    # by the size that a queue had at that moment
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",  # compiling pays for long reports only
}

AUTHORITY_SETTING = "wanderamt.authority"


class EarlyClaimError(Exception):
    """Jobs could not be claimed in the transaction that enqueued them: repeat it, the runner claims them later."""


# Errors of a database that restarts, is overloaded or ended our transaction in a deadlock: wait and repeat.
TRANSIENT_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke in the middle of a response
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    TimeoutError,
    OSError,
    EarlyClaimError,
)

# Two transactions wrote the same key at the same moment: repeat the later one, it sees what the first has written.
CONCURRENT_WRITE_ERRORS: tuple[type[Exception], ...] = (asyncpg.UniqueViolationError,)

# Characters that no text column can store: NUL, and those the server's encoding lacks.
UNSTORABLE_TEXT_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
)


@dataclass(frozen=True, slots=True)
class JobClaimer:
    """The runner of a job queue in this process.

    claim:   claims jobs within a transaction; returns what to call at its end, with whether it was committed.
    is_idle: whether it would claim some now, as far as is known without the database.
    """

    claim: Callable[[UnitOfWork], Awaitable[Callable[[bool], None] | None]]
    is_idle: Callable[[], bool]


log = structlog.get_logger()


async def set_jsonb_codec(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _no_reset(_: Any) -> None:
    """Saves a round trip: nothing set on a pooled connection outlives its transaction, so nothing needs a reset."""


@dataclass(frozen=True, slots=True)
class Listener:
    """`hear`: called with the subject of each notification, empty if it has none. `serves_alone`: whether it leaves no
    work of this channel to other processes at the moment."""

    channel: str
    hear: Callable[[str], None]
    serves_alone: Callable[[], bool]


@dataclass
class Database:
    """`service_name` is the source of the service's events and the owner of its topics. `authority`: to which the rows
    belong that it inserts, see `tables.owner_column`."""

    url: str
    service_name: str
    environment: Environment = field(default_factory=Environment)
    max_connections: int = 10
    authority: str = ""
    pool: Any = None
    job_claimers: dict[str, JobClaimer] = field(default_factory=dict)
    """Channel of a job queue → its runner in this process."""
    _process_id: str = field(default_factory=partial(token_hex, 8))
    _local_listeners: list[Listener] = field(default_factory=list)
    _pending_channels: set[str] = field(default_factory=set)
    _pending: asyncio.Event = field(default_factory=asyncio.Event)
    _notifier: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self.max_connections,
            init=set_jsonb_codec,
            reset=_no_reset,
            command_timeout=COMMAND_TIMEOUT_S,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=SESSION_SETTINGS
            | {"application_name": self.service_name, AUTHORITY_SETTING: self.authority},
        )
        self._notifier = asyncio.create_task(self._notify_others(), name="database-notifier")

    async def stop(self) -> None:
        if self._notifier:
            self._notifier.cancel()
            await asyncio.gather(self._notifier, return_exceptions=True)
        if self.pool:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.pool.close(), CONNECT_TIMEOUT_S)

    @asynccontextmanager
    async def unit_of_work(
        self, *, suppress_outbox: bool = False, claim_jobs: bool = False
    ) -> AsyncIterator[UnitOfWork]:
        """One transaction. `suppress_outbox`: its events and jobs are discarded, see UnitOfWork.

        `claim_jobs`: it claims the jobs that it enqueued, if their runner in this process is idle. That saves them a
        transaction of their own; a failure in it raises EarlyClaimError.
        """
        ending: list[Callable[[bool], None]] = []
        committed = False
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            try:
                async with connection.transaction():
                    uow = UnitOfWork(
                        connection,
                        service_name=self.service_name,
                        environment=self.environment,
                        suppress_outbox=suppress_outbox,
                        idle_channels=self._idle_channels if claim_jobs and not suppress_outbox else frozenset,
                    )
                    yield uow
                    if claim_jobs:
                        await self._claim_enqueued(uow, ending)
                    await uow.flush()
                committed = True
            finally:
                for end in ending:
                    end(committed)
            self.notify(*uow.channels_to_notify)
            uow.write_log()

    def _idle_channels(self) -> frozenset[str]:
        return frozenset(channel for channel, claimer in self.job_claimers.items() if claimer.is_idle())

    async def _claim_enqueued(self, uow: UnitOfWork, ending: list[Callable[[bool], None]]) -> None:
        """Before the last flush: the first statement of a claim writes what is pending. Adds to `ending` as it goes: a
        later queue may fail."""
        channels = sorted(uow.channels_of_due_jobs() & self.job_claimers.keys())
        for channel in channels:
            if end := await self.job_claimers[channel].claim(uow):
                ending.append(end)

    async def execute(self, sql: str, *args: object) -> None:
        """A single statement, which commits by itself: one round trip instead of three."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            await connection.execute(sql, *args)

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """The rows of a single statement, which commits by itself."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            return list(await connection.fetch(sql, *args))

    def measurements(self) -> list[tuple[str, float, dict[str, str]]]:
        """Of the pool, see observability.metrics."""
        if not self.pool:
            return []
        name, idle = {"db.client.connection.pool.name": self.service_name}, self.pool.get_idle_size()
        state = "db.client.connection.state"
        return [
            ("db.client.connection.count", self.pool.get_size() - idle, name | {state: "used"}),
            ("db.client.connection.count", idle, name | {state: "idle"}),
            ("db.client.connection.max", self.pool.get_max_size(), name),
        ]

    async def is_migrated(self) -> bool:
        """Whether the tables of the backbone exist."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            return bool(await connection.fetchval("SELECT to_regclass('outbox') IS NOT NULL"))

    async def is_alive(self) -> bool:
        try:
            async with self.pool.acquire(timeout=2) as connection:
                return bool(await connection.fetchval("SELECT true", timeout=2))
        except TRANSIENT_ERRORS:
            return False

    def notify(self, *channels: str) -> None:
        """Signals the listeners of these channels in this process, and those of others unless a listener here serves
        its channel alone. `case:4711` is the channel `case` with the subject `4711`."""
        others = set(channels)
        for name in channels:
            channel, _, subject = name.partition(":")
            for listener in self._local_listeners:
                if listener.channel == channel:
                    listener.hear(subject)
                    if listener.serves_alone():
                        others.discard(name)
        self.notify_others(*others)

    def notify_others(self, *channels: str) -> None:
        """Signals the listeners of these channels in other processes: after 5 ms, under load 50 ms, or half a second
        for channels with a subject."""
        if channels:
            self._pending_channels.update(channels)
            self._pending.set()

    @asynccontextmanager
    async def listen(
        self,
        channel: str,
        *,
        serves_alone: Callable[[], bool] = lambda: False,
        on_subject: Callable[[str], None] | None = None,
    ) -> AsyncIterator[tuple[Any, asyncio.Event]]:
        """A separate connection, and an event that is set by each notification on `channel`, unless `on_subject` takes
        them: then nobody is woken for nothing. See Listener."""
        signal = asyncio.Event()

        def wake(_: str) -> None:
            signal.set()

        hear = on_subject or wake

        connection = await asyncpg.connect(
            self.url, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S, server_settings=SESSION_SETTINGS
        )
        listener = Listener(channel, hear, serves_alone)
        self._local_listeners.append(listener)
        try:
            await set_jsonb_codec(connection)
            await connection.add_listener(channel, partial(self._on_notify, hear))
            yield connection, signal
        finally:
            self._local_listeners.remove(listener)
            with suppress(*TRANSIENT_ERRORS):
                await connection.close(timeout=2)

    def _on_notify(self, hear: Callable[[str], None], _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        """Ignores this process's own notifications: `notify` has signalled its listeners already."""
        sender, _, subject = payload.partition(":")
        if sender != self._process_id:
            hear(subject)

    async def _notify_others(self) -> None:
        loop = asyncio.get_running_loop()
        notified_at = subjects_at = 0.0
        timer: asyncio.TimerHandle | None = None
        while True:
            await self._pending.wait()
            await asyncio.sleep(max(NOTIFY_DELAY_S, notified_at + NOTIFY_INTERVAL_S - loop.time()))
            notified_at = loop.time()
            self._pending.clear()
            subjects = {channel for channel in self._pending_channels if ":" in channel}
            if subjects and (due := subjects_at + SUBJECTS_INTERVAL_S) > notified_at:
                if not timer or timer.when() != due:
                    timer = loop.call_at(due, self._pending.set)
            elif subjects:
                subjects_at, subjects = notified_at, set()
            channels, self._pending_channels = sorted(self._pending_channels - subjects), subjects
            if not channels:
                continue
            try:
                async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                    await connection.execute(
                        """
                        SELECT pg_notify(split_part(c, ':', 1), $2 || ':' || split_part(c, ':', 2))
                        FROM unnest($1::text[]) c
                        """,
                        channels,
                        self._process_id,
                    )
            except Exception as error:  # a lost notification costs one poll interval, no more
                log.warning("database.notify_failed", error=type(error).__name__)
