"""Builds notifications from its settings: providers, templates, handlers, jobs, routes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from service_catalogue.authority import profile_of_catalogue
from wanderamt.backbone.jobs.handler import JobHandler
from wanderamt.backbone.messaging.idle_consumer import IdleUntilNeeded
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.contracts import Channel
from wanderamt.security.keys import FieldCipher
from wanderamt.shell.service import Service, ServiceContext

from notifications.api import notices, partners, receipts, status_page
from notifications.domain.channel_decision import SendingPolicy
from notifications.domain.notice import JOB_TYPES
from notifications.domain.partner import DeliverWebhook
from notifications.domain.quiet_hours import parse_quiet_hours
from notifications.events import consumer, partner_consumer
from notifications.handlers.context import ConnectedProvider, NotificationContext, RetentionPeriods
from notifications.handlers.partners import complete_webhooks, has_subscribers, prepare_webhooks
from notifications.handlers.provider_availability import ProviderGauges
from notifications.handlers.receipts import apply_pending_receipts, expire_receipt_waits, store_receipts
from notifications.handlers.sending import admit_sending, complete_sending, prepare_sending
from notifications.handlers.status_page import redact_expired
from notifications.jobs.sending import SendDependencies, send
from notifications.jobs.webhooks import deliver
from notifications.message_templates import MessageTemplates
from notifications.providers.connections import ProviderConfig, Providers, connect
from notifications.providers.webhook_client import TIMEOUT_S as WEBHOOK_TIMEOUT_S
from notifications.providers.webhook_client import WebhookClient
from notifications.settings import NotificationSettings

NAME = "notifications"
WEBHOOK_CONCURRENCY = 16
JOBS_PER_TRANSACTION = 250
CALL_OVERHEAD_S = 5.0  # besides the call: waiting for its slot and recording the outcome


def build(settings: NotificationSettings | None = None) -> Service:
    settings = settings or NotificationSettings()
    authority = profile_of_catalogue(settings.catalogue_folder, configured=settings.authority)
    service_context = ServiceContext.create(NAME, settings, package="notifications", authority=authority.code)
    database = service_context.database
    calendar, sender = authority.calendar, settings.sender or authority.sender
    inquiries = settings.inquiries or authority.phone
    templates = MessageTemplates(sender, inquiries, f"{settings.public_url}/status", calendar.zone)
    quiet_hours = parse_quiet_hours(settings.quiet_hours, calendar)

    async def store_raw(provider: str, bodies: Sequence[bytes]) -> None:
        await store_receipts(provider, bodies, context=context)

    providers = connect(settings.providers, sender=sender, store_raw=store_raw)
    context = NotificationContext(
        authority=authority,
        database=database,
        policy=SendingPolicy(
            settings.day_budget,
            calendar.zone,
            quiet_hours,
            templates.newest,
            case_opened_wait=timedelta(seconds=settings.case_opened_wait_s),
        ),
        cipher=FieldCipher(settings.encryption_key, authority=authority.code),
        providers=_connected_providers(providers, settings.providers),
        retention=_retention(settings),
        rebalance_interval=timedelta(seconds=settings.rebalance_interval_s),
        consent_wording=settings.consent_version,
        partner_networks=settings.partner_networks,
    )

    def now() -> datetime:
        return database.environment.clock()

    service_context.http.state.context = context
    for routes in (notices, receipts, status_page, partners):
        service_context.http.include_router(routes.router)
    client = WebhookClient(settings.partner_networks)
    dependencies = SendDependencies(templates, context.cipher, now)
    job_handlers = [
        _send_handler(channel, context, providers, dependencies, concurrency=settings.send_concurrency)
        for channel in Channel
    ]
    webhook_handler = JobHandler(
        job=DeliverWebhook,
        prepare=partial(prepare_webhooks, context=context),
        execute=partial(deliver, client=client, clock=now),
        complete=complete_webhooks,
        concurrency=WEBHOOK_CONCURRENCY,
        timeout_s=2 * WEBHOOK_TIMEOUT_S,
        batch_size=JOBS_PER_TRANSACTION,
    )
    gauges = ProviderGauges(context)
    periodic = partial(PeriodicTask, database)
    return Service(
        service_context,
        {
            "relay": service_context.relay(),
            "providers": providers,
            "webhooks": client,
            "jobs": service_context.jobs([*job_handlers, webhook_handler]),
            "inbox": service_context.inbox(consumer.bind(context)),
            "partners": IdleUntilNeeded(service_context.inbox(partner_consumer), has_subscribers),
            "receipts": periodic("receipts", partial(apply_pending_receipts, context=context), interval_s=1),
            "receipt_timeouts": periodic(
                "receipt_timeouts", partial(expire_receipt_waits, context=context), interval_s=300
            ),
            "retention": periodic("retention", partial(redact_expired, context=context), interval_s=600),
            "metrics": periodic("metrics", gauges.measure, interval_s=5),
        },
    )


def _send_handler(
    channel: Channel,
    context: NotificationContext,
    providers: Providers,
    dependencies: SendDependencies,
    *,
    concurrency: int,
) -> JobHandler:
    timeouts = [provider.manifest.longest_timeout_s for provider in context.providers_of(channel).values()]
    return JobHandler(
        job=JOB_TYPES[channel],
        prepare=partial(prepare_sending, channel=channel, context=context),
        execute=partial(send, connections=providers.connections, dependencies=dependencies),
        complete=partial(complete_sending, channel=channel, context=context),
        admission=partial(admit_sending, channel=channel, context=context),
        concurrency=concurrency,
        timeout_s=max(timeouts, default=10.0) * 2 + CALL_OVERHEAD_S,
        batch_size=JOBS_PER_TRANSACTION,
        prepare_flushes=True,
    )


def _connected_providers(providers: Providers, configs: dict[str, ProviderConfig]) -> dict[str, ConnectedProvider]:
    return {
        name: ConnectedProvider(
            name=name,
            channel=connection.channel,
            manifest=connection.manifest,
            weight=configs[name].weight,
            receipt_parser=connection.adapter if connection.receipts else None,
            receipt_key=connection.receipt_key,
        )
        for name, connection in providers.connections.items()
    }


def _retention(settings: NotificationSettings) -> RetentionPeriods:
    return RetentionPeriods(
        timedelta(days=settings.content_retention_days),
        timedelta(days=settings.inactive_contact_days),
        timedelta(hours=settings.receipt_timeout_hours),
    )
