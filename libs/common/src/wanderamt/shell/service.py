"""A service process: start in order, be ready, drain on SIGTERM, stop in reverse order."""

import asyncio
import gc
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from wanderamt.backbone.asyncapi import describe
from wanderamt.backbone.bulk import Bulk
from wanderamt.backbone.database import Database, migrate
from wanderamt.backbone.housekeeping import Housekeeping, Retention
from wanderamt.backbone.inbox import Handler, Inbox, Many
from wanderamt.backbone.jobs import Jobs, Lane
from wanderamt.backbone.lanes import Prepared
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.topics import Topics
from wanderamt.contracts import Event
from wanderamt.security.tokens import TokenReader
from wanderamt.shell.http import Part, add_asyncapi, add_health, add_metrics, create_http
from wanderamt.shell.settings import ServiceSettings
from wanderamt.shell.telemetry import start_logs, start_metrics, start_traces

DRAIN_S = 20
KEEP_ALIVE_S = 65  # longer than clients and proxies keep theirs, so that none asks over a connection we just closed
COLLECT_AFTER_OBJECTS = 10_000

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Leaves the signals to the service, which has more to stop than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def spare_the_collector() -> None:
    """What is loaded now lives as long as the process: without this, a full collection walks it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS)


@dataclass
class Ground:
    """What every service stands on, made from its settings. `package` holds its migrations."""

    name: str
    package: str
    settings: ServiceSettings
    database: Database
    topics: Topics
    http: FastAPI

    @classmethod
    def lay(cls, name: str, package: str, settings: ServiceSettings, *, own_tokens: Sequence[str] = ()) -> "Ground":
        """`own_tokens`: public keys (PEM) of tokens that the service makes itself, beside those of the sign-in."""
        database = Database(
            settings.database_url.get_secret_value(), owner=name, max_connections=settings.database_connections
        )
        tokens = TokenReader(settings.token_public_key, *own_tokens, audience=name)
        return cls(
            name=name,
            package=package,
            settings=settings,
            database=database,
            topics=Topics(settings.topic_prefix),
            http=create_http(name, tokens=tokens, sources=database.sources),
        )

    def inbox(self, on: Mapping[type[Event], Handler | Many | Prepared], *, linger_s: float = 0.0) -> Inbox:
        servers = self.settings.kafka_bootstrap_servers
        return Inbox(self.name, on, self.database, servers, self.topics, linger_s=linger_s)

    def relay(self) -> Relay:
        return Relay(self.database, self.settings.kafka_bootstrap_servers, self.topics)

    def housekeeping(self) -> Housekeeping:
        settings = self.settings
        kept = Retention(settings.inbox_days, settings.version_days, action_days=settings.action_days)
        return Housekeeping(self.database, kept)

    def jobs(self, lanes: Sequence[Lane | Bulk]) -> Jobs:
        return Jobs(self.database, lanes)


@dataclass
class Service:
    """`parts` start in this order after database and topics, and stop in the reverse order.

    `projections`: tables made from topics alone, so that `wanderamt rebuild` can make them again and compare.
    """

    ground: Ground
    parts: dict[str, Part]
    projections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.parts["housekeeping"] = self.ground.housekeeping()
        add_health(self.ground.http, self.parts, self.ground.database.alive)
        add_asyncapi(self.ground.http, self.asyncapi)
        add_metrics(self.ground.http)

    def asyncapi(self) -> dict[str, Any]:
        """What the service hears and says, as an AsyncAPI 3 document."""
        ground = self.ground
        inbox = self.parts.get("inbox")
        hears = tuple(inbox.on) if isinstance(inbox, Inbox) else ()
        group = ground.topics.name(ground.name) if hears else None
        servers = ground.settings.kafka_bootstrap_servers
        return describe(ground.name, hears, ground.topics, bootstrap_servers=servers, group=group)

    def migrate(self) -> None:
        migrate(self.ground.settings.database_url.get_secret_value(), self.ground.package)

    async def start(self) -> None:
        settings = self.ground.settings
        await self.ground.database.start()
        await self.ground.topics.create(settings.kafka_bootstrap_servers, replicas=settings.kafka_replicas)
        for part in self.parts.values():
            await part.start()
        log.info("service.started", service=self.ground.name)

    async def stop(self) -> None:
        for name, part in reversed(self.parts.items()):
            try:
                await asyncio.wait_for(part.stop(), DRAIN_S)
            except TimeoutError:
                log.warning("service.part_did_not_stop", service=self.ground.name, part=name, budget_s=DRAIN_S)
        await self.ground.database.stop()
        log.info("service.stopped", service=self.ground.name)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. The HTTP door opens last and closes first."""
        settings = self.ground.settings
        start_logs(settings.log_level)
        traces = start_traces(
            self.ground.name,
            otlp_endpoint=settings.otlp_endpoint,
            trace_folder=settings.trace_folder,
            share=settings.trace_share,
        )
        measures = start_metrics(self.ground.name)
        config = uvicorn.Config(
            self.ground.http,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=DRAIN_S,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        server = _Server(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        await self.start()
        spare_the_collector()
        try:
            await server.serve()
        finally:
            await self.stop()
            measures.shutdown()
            if traces:
                traces.shutdown()
