"""Commands for the operators of notifications, and for authors of message templates."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from service_catalogue.authority import load_letterhead
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging.event_log import read_events_between
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

from notifications.domain.kinds import NoticeKind
from notifications.domain.message_text import TemplateError
from notifications.domain.notice import StaffTask
from notifications.domain.partner import PUBLIC_EVENTS
from notifications.domain.sms_segments import sms_size
from notifications.handlers.context import NotificationContext
from notifications.handlers.partners import redeliver
from notifications.handlers.provider_availability import (
    ProviderStatus,
    provider_statuses,
    resolve_notice,
    resume_provider,
)
from notifications.message_templates import LANGUAGES, SAMPLE, MessageTemplates
from notifications.store import notice_statements, notices, partners, providers

NAME = "notifications"
COUNT_COLUMNS = ("kind", "channel", "state", "reason", "provider", "notices")

commands = typer.Typer(
    help="Notices to citizens: preview texts, count notices, manage providers.\n\n"
    "Start with 'wanderamt notifications preview document_ready --language tr'. Commands for a running system need its "
    "settings: set -a; . .state/up/env/notifications.env",
    no_args_is_help=True,
)


@commands.command("preview")
def preview(
    kind: Annotated[NoticeKind, typer.Argument(help="Kind of the notice.")],
    channel: Annotated[Channel, typer.Option(help="SMS or e-mail.")] = Channel.SMS,
    language: Annotated[str, typer.Option(help=f"{', '.join(LANGUAGES)}; others fall back to German.")] = "de",
    value: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, replaces the sample value.")] = None,
    version: Annotated[int | None, typer.Option(help="Version of the text; default: the newest.")] = None,
    catalogue_folder: Annotated[
        Path | None, typer.Option("--catalogue", help="The city's own catalogue.", envvar="WANDERAMT_CATALOGUE_FOLDER")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the HTML of the e-mail to this file.")] = None,
) -> None:
    """Show a notice as a citizen gets it, with the number of SMS parts. Sends nothing."""
    variables = dict(SAMPLE) | dict(_parse_pair(text) for text in value or ())
    templates = MessageTemplates.of(load_letterhead(catalogue_folder).profile)
    try:
        text = templates.render(kind, channel, language, variables, version=version)
    except TemplateError as error:
        typer.echo(f"{kind}: {error.code}: this notice would not be sent", err=True)
        raise typer.Exit(1) from error
    if text.subject:
        typer.echo(f"Subject: {text.subject}\n")
    typer.echo(text.body)
    if channel is Channel.SMS:
        size = sms_size(text.body)
        parts = "1 part" if size.segments == 1 else f"{size.segments} parts"
        typer.echo(f"\n{size.coding.name}, {size.used} of {size.capacity} characters, {parts}; from {text.sender}")
    if html and text.html:
        html.write_text(text.html, encoding="utf-8")
        typer.echo(f"HTML: {html}")


@commands.command("counts")
def counts() -> None:
    """Count notices by kind, channel, state, reason and provider, and delivery receipts by state."""

    async def use(service: Service) -> tuple[list[dict[str, object]], dict[str, int]]:
        async with service.context.database.unit_of_work() as uow:
            return await notices.count_by_outcome(uow), await providers.count_receipts(uow)

    rows, receipts = with_service(NAME, use)
    if rows:
        _echo_table(COUNT_COLUMNS, [[row[name] for name in COUNT_COLUMNS] for row in rows])
    else:
        typer.echo("no notices yet")
    typer.echo("receipts: " + (", ".join(f"{state} {number}" for state, number in receipts.items()) or "none yet"))


@commands.command("providers")
def show_providers() -> None:
    """Show the availability of each provider, its current weight, and the backlog."""

    async def use(service: Service) -> tuple[list[ProviderStatus], dict[str, tuple[int, datetime]]]:
        async with service.context.database.unit_of_work() as uow:
            statuses = await provider_statuses(uow, context=_context(service))
            return statuses, await notice_statements.count_waiting(uow)

    statuses, waiting = with_service(NAME, use)
    _echo_table(
        ("provider", "channel", "status", "weight", "in flight", "latency", "reason"),
        [
            (
                status.name,
                status.channel,
                status.status,
                f"{status.current_weight:g} of {status.weight:g}",
                status.in_flight,
                f"{status.latency_ewma_s} s",
                status.reason,
            )
            for status in statuses
        ],
    )
    for queue, (number, oldest) in waiting.items():
        typer.echo(f"{queue}: {number} waiting, the oldest since {oldest:%Y-%m-%d %H:%M}")


@commands.command("resume")
def resume(provider: Annotated[str, typer.Argument(help="Its name in the settings.")], who: Who) -> None:
    """Resume calls to a provider that was suspended because it rejected our credentials. Correct them first."""

    async def use(service: Service) -> str | Refusal:
        async with service.context.database.unit_of_work() as uow:
            return await resume_provider(provider, uow, context=_context(service), operator=who, consumer=NAME)

    _print_result(with_service(NAME, use))


@commands.command("resolve")
def resolve(
    notice_id: Annotated[UUID, typer.Argument(help="Id of a notice in the state unknown or no_receipt.")],
    arrived: Annotated[
        bool, typer.Option("--arrived/--not-arrived", help="What the provider or the citizen reported.")
    ],
    who: Who,
) -> None:
    """Record the outcome of a message. After --not-arrived, another channel is tried."""

    async def use(service: Service) -> str | Refusal:
        async with service.context.database.unit_of_work() as uow:
            return await resolve_notice(
                NoticeId(notice_id), uow, arrived=arrived, context=_context(service), operator=who, consumer=NAME
            )

    _print_result(with_service(NAME, use))


@commands.command("tasks")
def tasks() -> None:
    """List citizens whom no message reached: staff must inform them."""

    async def use(service: Service) -> list[StaffTask]:
        async with service.context.database.unit_of_work() as uow:
            return await providers.open_tasks(uow, limit=100)

    rows = with_service(NAME, use)
    if not rows:
        typer.echo("every citizen was reached")
        return
    _echo_table(
        ("raised", "about", "id", "kind", "reason"),
        [(f"{row.raised_at:%Y-%m-%d %H:%M}", row.about, row.about_id, row.kind, row.reason) for row in rows],
    )


@commands.command("replay")
def replay(
    partner: Annotated[str, typer.Argument(help="Name of the subscriber.")],
    since: Annotated[datetime, typer.Option(help="Begin of the range, such as 2026-11-24T08:00 (UTC).")],
    until: Annotated[datetime | None, typer.Option(help="End of the range (exclusive); default: now.")] = None,
    type_: Annotated[
        list[str] | None, typer.Option("--type", help="Only events of this type; default: all types of the subscriber.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the events.")] = False,  # noqa: FBT002
) -> None:
    """Deliver a range of the event log to a partner again, with the same ids: the partner can skip known events."""

    async def use(service: Service) -> tuple[int, int]:
        context, now = service.context, utc_now()
        async with context.database.unit_of_work() as uow:
            subscriber = next((entry for entry in await partners.subscribers(uow) if entry.name == partner), None)
        if not subscriber:
            typer.echo(f"there is no subscriber {partner}; 'GET /subscribers' lists them", err=True)
            raise typer.Exit(1)
        types = set(type_ or subscriber.types) & set(subscriber.types)
        events = [event for name, event in PUBLIC_EVENTS.items() if name in types]
        begin, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC) if until else now
        read = delivered = 0
        servers = context.settings.kafka_bootstrap_servers
        async for items in read_events_between(servers, context.topics, events, since=begin, until=end):
            read += len(items)
            if not dry_run:
                async with context.database.unit_of_work() as uow:
                    delivered += await redeliver(subscriber, items, uow)
        return read, delivered

    read, delivered = with_service(NAME, use)
    typer.echo(f"{read} events in this range, {delivered} will be delivered; the others are still waiting")


def _context(service: Service) -> NotificationContext:
    context: NotificationContext = service.context.http.state.context
    return context


def _print_result(result: str | Refusal) -> None:
    if isinstance(result, Refusal):
        typer.echo(result.hint, err=True)
        raise typer.Exit(1)
    typer.echo(result)


def _echo_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    typer.echo(format_table(columns, rows))


def _parse_pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"{text}: write NAME=VALUE, such as code=7K3MZ-Q8XWT")
    return name, value
