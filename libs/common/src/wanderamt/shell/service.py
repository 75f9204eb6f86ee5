"""A service process: starts its components in order, reports readiness, drains on SIGTERM, stops in reverse order.

Imports inside functions: a command that only uses the database loads no HTTP server, no telemetry and no Alembic.
"""

import asyncio
import gc
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI

from wanderamt.backbone.jobs.batch_handler import BatchJobHandler
from wanderamt.backbone.jobs.runner import JobHandler, JobRunner
from wanderamt.backbone.messaging.inbox import BatchHandler, Handler, Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.contracts import Event
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell.http import Component, create_http
from wanderamt.shell.settings import ServiceSettings
from wanderamt.shell.standard_routes import add_standard_routes

DRAIN_S = 20
GC_THRESHOLD = 10_000

log = structlog.get_logger()


def tune_garbage_collector() -> None:
    """Excludes all objects loaded so far from collection: they live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


@dataclass
class ServiceContext:
    """What each service needs, created from its settings. `package` holds its migrations."""

    name: str
    package: str
    settings: ServiceSettings
    database: Database
    topics: Topics
    http: FastAPI

    @classmethod
    def create(
        cls, name: str, package: str, settings: ServiceSettings, *, own_tokens: Sequence[str] = ()
    ) -> "ServiceContext":
        """`own_tokens`: public keys (PEM) of tokens that the service itself signs, in addition to those of the
        sign-in."""
        database = Database(
            settings.database_url.get_secret_value(), service_name=name, max_connections=settings.database_connections
        )
        tokens = TokenVerifier(settings.token_public_key, *own_tokens, audience=name)
        return cls(
            name=name,
            package=package,
            settings=settings,
            database=database,
            topics=Topics(settings.topic_prefix),
            http=create_http(name, tokens=tokens, database=database),
        )

    def inbox(self, event_handlers: Mapping[type[Event], Handler | BatchHandler], *, linger_s: float = 0.0) -> Inbox:
        servers = self.settings.kafka_bootstrap_servers
        return Inbox(self.name, event_handlers, self.database, servers, self.topics, linger_s=linger_s)

    def relay(self) -> Relay:
        return Relay(self.database, self.settings.kafka_bootstrap_servers, self.topics)

    def housekeeping(self) -> Housekeeping:
        settings = self.settings
        retention = BackboneRetention(
            settings.inbox_retention_days, settings.version_retention_days, audit_days=settings.audit_retention_days
        )
        return Housekeeping(self.database, retention)

    def jobs(self, handlers: Sequence[JobHandler | BatchJobHandler]) -> JobRunner:
        return JobRunner(self.database, handlers)


@dataclass
class Service:
    """`components` start in this order after database and topics, and stop in reverse order.

    `projections`: tables built from topics alone, so that `wanderamt rebuild` can build them again and compare.
    """

    context: ServiceContext
    components: dict[str, Component]
    projections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.components["housekeeping"] = self.context.housekeeping()
        add_standard_routes(self.context.http, self.components, self.context.database.is_alive, self.asyncapi)

    def asyncapi(self) -> dict[str, Any]:
        """The events the service consumes and publishes, as an AsyncAPI 3 document."""
        from wanderamt.backbone.messaging.asyncapi import describe_service

        context = self.context
        inbox = self.components.get("inbox")
        consumed = tuple(inbox.event_handlers) if isinstance(inbox, Inbox) else ()
        group = context.topics.name(context.name) if consumed else None
        servers = context.settings.kafka_bootstrap_servers
        return describe_service(context.name, consumed, context.topics, bootstrap_servers=servers, group=group)

    def migrate(self) -> None:
        from wanderamt.backbone.persistence.migrations import migrate

        migrate(self.context.settings.database_url.get_secret_value(), self.context.package)

    async def start(self) -> None:
        settings = self.context.settings
        await self.context.database.start()
        await self.context.topics.create(settings.kafka_bootstrap_servers, replicas=settings.kafka_replicas)
        for component in self.components.values():
            await component.start()
        log.info("service.started", service=self.context.name)

    async def stop(self) -> None:
        for name, component in reversed(self.components.items()):
            try:
                await asyncio.wait_for(component.stop(), DRAIN_S)
            except TimeoutError:
                log.warning(
                    "service.component_stop_timeout", service=self.context.name, component=name, timeout_s=DRAIN_S
                )
        await self.context.database.stop()
        log.info("service.stopped", service=self.context.name)

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. The HTTP server starts last and stops first."""
        from wanderamt.shell.http_server import create_server
        from wanderamt.shell.telemetry import start_logs, start_metrics, start_traces

        settings = self.context.settings
        start_logs(settings.log_level)
        traces = start_traces(
            self.context.name,
            otlp_endpoint=settings.otlp_endpoint,
            trace_folder=settings.trace_folder,
            sample_ratio=settings.trace_sample_ratio,
        )
        metrics = start_metrics(self.context.name)
        server = create_server(self.context.http, host=settings.host, port=settings.port, drain_s=DRAIN_S)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        await self.start()
        tune_garbage_collector()
        try:
            await server.serve()
        finally:
            await self.stop()
            metrics.shutdown()
            if traces:
                traces.shutdown()
