"""A service process: starts its components in order, reports readiness, drains on SIGTERM, stops in reverse order.

Imports inside functions: a command that only uses the database loads no HTTP server, no telemetry and no Alembic.
"""

import asyncio
import gc
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from wanderamt.backbone.jobs.handler import JobHandler
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging.consumer import DOCUMENTED_SERVERS, EventConsumer
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.observability.metrics import BackboneMetrics, ServiceGauges
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.backbone.start_error import CannotStartError
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell import audit_routes, dead_letter_routes
from wanderamt.shell.access import AccessLookup
from wanderamt.shell.audit_log import AuditLog
from wanderamt.shell.client_address import HOW_TO_SET, TrustedProxies, counts_by_address
from wanderamt.shell.http import Component, EndsWaits, create_http
from wanderamt.shell.http_body import BodyTimes
from wanderamt.shell.settings import ServiceSettings
from wanderamt.shell.standard_routes import add_standard_routes

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from wanderamt.shell.http_server import HttpServer

DRAIN_S = 20
GC_THRESHOLD = 10_000

log = structlog.get_logger()


def tune_garbage_collector() -> None:
    """Excludes all objects loaded so far from collection: they live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


class NotMigratedError(CannotStartError):
    """The database lacks the tables of the backbone."""


class UndecidedProxiesError(CannotStartError):
    """A route counts by address, and nobody said whose X-Forwarded-For is to be trusted."""


@dataclass
class ServiceContext:
    """What each service needs, created from its settings. `package`: that with its migrations; `tables`: those of a
    service without migrations."""

    name: str
    settings: ServiceSettings
    database: Database
    topics: Topics
    http: FastAPI
    audit_log: AuditLog
    package: str = ""
    tables: "MetaData | None" = None
    authority: str = ""

    @classmethod
    def create(
        cls,
        name: str,
        settings: ServiceSettings,
        *,
        package: str = "",
        tables: "MetaData | None" = None,
        session_keys: Sequence[str] = (),
        access: AccessLookup = AccessLookup(),
        authority: str = "",
    ) -> "ServiceContext":
        """`session_keys`: public keys (PEM) of those who sign the sessions of field devices. `access`: how to find the
        stand of a resource, and the caller's device. `authority`: whose events it emits and handles; empty: all."""
        database = Database(
            settings.database_url.get_secret_value(),
            service_name=name,
            max_connections=settings.database_connections,
            authority=authority,
        )
        tokens = TokenVerifier(
            *filter(None, [settings.token_public_key]),
            audience=name,
            session_pems=[*filter(None, session_keys)],
            max_lifetime=timedelta(hours=settings.max_token_lifetime_hours),
        )
        audit_log = AuditLog(database)
        http = create_http(
            name,
            tokens=tokens,
            database=database,
            note_refusal=audit_log.note,
            public_addresses=settings.public_addresses,
            documentation=settings.documentation,
            body_times=BodyTimes(settings.http_body_pause_s, settings.http_body_min_rate, settings.http_body_longest_s),
            trusted_proxies=TrustedProxies.parse(settings.trusted_proxies) if settings.trusted_proxies else None,
        )
        http.state.access_lookup = access
        return cls(
            name=name,
            settings=settings,
            database=database,
            topics=Topics(settings.topic_prefix),
            http=http,
            audit_log=audit_log,
            package=package,
            tables=tables,
            authority=authority,
        )

    def inbox(self, consumer: EventConsumer) -> Inbox:
        """Raises InvalidConsumerError for a consumer without handlers or without the context they take."""
        return Inbox(
            consumer, self.database, self.settings.kafka_bootstrap_servers, self.topics, authority=self.authority
        )

    def relay(self) -> Relay:
        return Relay(self.database, self.settings.kafka_bootstrap_servers, self.topics, authority=self.authority)

    def housekeeping(self) -> Housekeeping:
        settings = self.settings
        retention = BackboneRetention(
            settings.inbox_retention_days,
            settings.version_retention_days,
            audit_days=settings.audit_retention_days,
            job_days=settings.job_retention_hours / 24,
        )
        return Housekeeping(self.database, retention)

    def jobs(self, handlers: Sequence[JobHandler]) -> JobRunner:
        return JobRunner(self.database, handlers)


@dataclass
class Service:
    """`components` start in this order after database and topics, and stop in reverse order.

    `projections`: tables built from topics alone, so that `wanderamt rebuild` can build them again and compare.
    """

    context: ServiceContext
    components: dict[str, Component]
    projections: tuple[str, ...] = ()
    gauges: ServiceGauges = field(default_factory=ServiceGauges)

    def __post_init__(self) -> None:
        if not any(isinstance(component, JobRunner) for component in self.components.values()):
            self.components["jobs"] = self.context.jobs([])  # reports jobs that nobody runs
        self.components["housekeeping"] = self.context.housekeeping()
        self.components["audit_log"] = self.context.audit_log
        settings, database = self.context.settings, self.context.database
        export = bool(settings.otlp_endpoint)
        measured = BackboneMetrics(database, self.components, self.gauges, keep_fresh=export)
        self.components["backbone_metrics"] = measured
        self.context.http.state.metrics_token = settings.metrics_token.get_secret_value()
        self.context.http.state.inboxes = self.inboxes
        self.context.http.include_router(dead_letter_routes.router)
        self.context.http.include_router(audit_routes.router)
        add_standard_routes(
            self.context.http, self.components, database.is_alive, self.asyncapi, refresh_metrics=measured.refresh
        )

    @property
    def inboxes(self) -> dict[str, Inbox]:
        """By consumer. They handle retried events, whether or not they are started."""
        candidates = (getattr(component, "inbox", component) for component in self.components.values())
        return {inbox.consumer: inbox for inbox in candidates if isinstance(inbox, Inbox)}

    def asyncapi(self) -> dict[str, Any]:
        """The events the service consumes and publishes, as an AsyncAPI 3 document. It does not tell the brokers."""
        from wanderamt.backbone.messaging.application import describe_consumer

        context = self.context
        inbox = self.components.get("inbox")
        consumer = inbox.declared if isinstance(inbox, Inbox) else EventConsumer(context.name)
        return describe_consumer(consumer, context.topics, bootstrap_servers=DOCUMENTED_SERVERS)

    def migrate(self, url: str = "") -> None:
        """Creates or updates the tables. `url`: of another database than the service's own."""
        from wanderamt.backbone.persistence.migrations import migrate

        context = self.context
        url = url or context.settings.database_url.get_secret_value()
        migrate(url, context.package, tables=context.tables, authority=context.authority)

    async def start(self) -> None:
        """Raises CannotStartError."""
        if not self.context.settings.trusted_proxies and (paths := counts_by_address(self.context.http)):
            raise UndecidedProxiesError(
                f"{paths[0]} limits its callers by address: set WANDERAMT_TRUSTED_PROXIES to {HOW_TO_SET}"
            )
        await self.context.database.start()
        if not await self.context.database.is_migrated():
            raise NotMigratedError(
                f"its database has no tables yet: call `wanderamt migrate {self.context.name}` first, or add --migrate"
            )
        await self._provide_topics()
        for component in self.components.values():
            await component.start()
        log.info("service.started", service=self.context.name)

    async def _provide_topics(self) -> None:
        """A service that owns topics creates all; another one has no say in their replicas and creates none."""
        settings, topics = self.context.settings, self.context.topics
        if self.context.name in TOPIC_OWNERS.values():
            await topics.create(settings.kafka_bootstrap_servers, replicas=settings.kafka_replicas)
        elif consumed := {event.TOPIC for inbox in self.inboxes.values() for event in inbox.declared.events}:
            await topics.require(sorted(consumed), settings.kafka_bootstrap_servers)

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

    def _begin_stop(self, server: "HttpServer") -> None:
        """Not ready any more; requests that only wait end now; the sockets close a moment later."""
        if self.context.http.state.is_stopping:
            server.should_exit = True
            return
        self.context.http.state.is_stopping = True
        self.context.http.state.body_reading.end_waits()
        for component in self.components.values():
            if isinstance(component, EndsWaits):
                component.end_waits()
        asyncio.get_running_loop().call_later(
            self.context.settings.stop_delay_s, lambda: setattr(server, "should_exit", True)
        )

    async def run(self) -> None:
        """Runs until SIGTERM or SIGINT. The HTTP server starts last and stops first."""
        from wanderamt.shell.http_server import ServerBounds, create_server
        from wanderamt.shell.telemetry import start_telemetry

        settings = self.context.settings
        telemetry = start_telemetry(
            self.context.name,
            export_otlp=bool(settings.otlp_endpoint),
            trace_folder=settings.trace_folder,
            log_level=settings.log_level,
        )
        bounds = ServerBounds(
            settings.http_connections,
            settings.http_header_timeout_s,
            settings.http_keep_alive_s,
            DRAIN_S,
            settings.http_network_share,
        )
        server = create_server(self.context.http, host=settings.host, port=settings.port, bounds=bounds)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin_stop, server)
        try:
            await self.start()
        except CannotStartError as error:
            log.error("service.cannot_start", service=self.context.name, reason=str(error))
            telemetry.stop()
            raise SystemExit(2) from error
        except Exception as error:
            log.exception("service.start_failed", service=self.context.name)
            telemetry.stop()
            raise SystemExit(1) from error
        tune_garbage_collector()
        try:
            await server.serve()
        finally:
            await self.stop()
            telemetry.stop()
