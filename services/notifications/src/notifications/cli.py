"""Commands for the operators of notifications, and for whoever writes their texts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from wanderamt.backbone.log import read_between
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.operate import Who
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from notifications.domain.kinds import Kind
from notifications.domain.partner import PUBLIC
from notifications.domain.segments import size_of
from notifications.domain.text import BadText
from notifications.handlers.ground import Ground
from notifications.handlers.partners import redeliver
from notifications.handlers.weather import resume_provider, settle_notice, show_providers
from notifications.store import notices, partners, providers
from notifications.texts import LANGUAGES, SAMPLE, Texts

NAME = "notifications"

commands = typer.Typer(
    help="Notices to citizens: preview texts, count what was sent, look after providers.\n\n"
    "Begin with 'wanderamt notice preview document_ready --language tr'. What looks after a running system needs its "
    "settings: set -a; . .state/up/env/notifications.env",
    no_args_is_help=True,
)
console = Console()


@commands.command("preview")
def preview(
    kind: Annotated[Kind, typer.Argument(help="What the citizen is told.")],
    channel: Annotated[Channel, typer.Option(help="SMS or e-mail.")] = Channel.SMS,
    language: Annotated[str, typer.Option(help=f"{', '.join(LANGUAGES)}; another is told in German.")] = "de",
    value: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, instead of the sample's.")] = None,
    version: Annotated[int | None, typer.Option(help="An older version of the text.")] = None,
    html: Annotated[Path | None, typer.Option(help="File for a mail's HTML, to look at in a browser.")] = None,
) -> None:
    """Show a notice as a citizen gets it, with its parts and what they cost. Nothing is sent."""
    facts = dict(SAMPLE) | dict(_pair(one) for one in value or ())
    texts = Texts()
    try:
        text = texts.render(kind, channel, language, facts, version=version)
    except BadText as error:
        typer.echo(f"{kind}: {error.code}: nothing would be sent", err=True)
        raise typer.Exit(1) from error
    if text.subject:
        typer.echo(f"Subject: {text.subject}\n")
    typer.echo(text.body)
    if channel is Channel.SMS:
        size = size_of(text.body)
        parts = "1 part" if size.segments == 1 else f"{size.segments} parts"
        typer.echo(f"\n{size.coding.name}, {size.used} of {size.room} signs, {parts}; from {text.sender}")
    if html and text.html:
        html.write_text(text.html, encoding="utf-8")
        typer.echo(f"HTML: {html}")


@commands.command("counts")
def counts() -> None:
    """How many notices of which kind ended how, and why."""

    async def use(service: Service) -> tuple[list[dict[str, object]], dict[str, int]]:
        async with service.ground.database.work() as work:
            return await notices.counts(work), await providers.count_receipts(work)

    found, receipts = with_service(NAME, use)
    if not found:
        typer.echo("no notice was decided yet")
    table = Table("kind", "channel", "state", "reason", "provider", "notices")
    for row in found:
        table.add_row(*(str(row[name]) for name in ("kind", "channel", "state", "reason", "provider", "notices")))
    console.print(table)
    typer.echo("receipts: " + (", ".join(f"{state} {number}" for state, number in receipts.items()) or "none yet"))


@commands.command("providers")
def weather() -> None:
    """How each provider is, its share of the messages now, and what waits."""

    async def use(service: Service) -> tuple[object, object]:
        async with service.ground.database.work() as work:
            return await show_providers(work, ground=ground_of(service)), await notices.count_waiting(work)

    found, waiting = with_service(NAME, use)
    table = Table("provider", "channel", "sky", "share", "under way", "typical", "why")
    for one in found:  # type: ignore[attr-defined]
        share, typical = f"{one.points:g} of {one.weight:g}", f"{one.typical_s} s"
        table.add_row(one.name, one.channel, one.sky, share, str(one.under_way), typical, one.reason)
    console.print(table)
    for queue, (number, oldest) in waiting.items():  # type: ignore[attr-defined]
        typer.echo(f"{queue}: {number} wait, the oldest since {oldest:%d.%m. %H:%M}")


@commands.command("resume")
def resume(provider: Annotated[str, typer.Argument(help="Its name in the settings.")], who: Who) -> None:
    """Ask a provider again that had not let us in, once its key or password is mended."""

    async def use(service: Service) -> str | Refusal:
        async with service.ground.database.work() as work:
            return await resume_provider(provider, work, ground=ground_of(service), who=who, consumer=NAME)

    _say(with_service(NAME, use))


@commands.command("settle")
def settle(
    notice_id: Annotated[UUID, typer.Argument(help="Of a notice nobody knows about: state unknown or unconfirmed.")],
    arrived: Annotated[bool, typer.Option("--arrived/--never-left", help="What the provider or the citizen says.")],
    who: Who,
) -> None:
    """Write down what became of a message. One that never left may go by another channel."""

    async def use(service: Service) -> str | Refusal:
        async with service.ground.database.work() as work:
            ground = ground_of(service)
            return await settle_notice(
                NoticeId(notice_id), work, arrived=arrived, ground=ground, who=who, consumer=NAME
            )

    _say(with_service(NAME, use))


@commands.command("tasks")
def tasks() -> None:
    """Citizens whom no message reached: somebody must tell them."""

    async def use(service: Service) -> list[object]:
        async with service.ground.database.work() as work:
            return await providers.open_tasks(work, limit=100)

    found = with_service(NAME, use)
    if not found:
        typer.echo("everybody was reached")
    table = Table("raised", "about", "id", "kind", "reason")
    for row in found:
        moment = f"{row['raised_at']:%d.%m. %H:%M}"  # type: ignore[index]
        table.add_row(moment, *(str(row[name]) for name in ("about", "about_id", "kind", "reason")))  # type: ignore[index]
    if found:
        console.print(table)


@commands.command("replay")
def replay(
    partner: Annotated[str, typer.Argument(help="Name of the subscriber.")],
    since: Annotated[datetime, typer.Option(help="First moment, such as 2026-11-24T08:00 (UTC).")],
    until: Annotated[datetime | None, typer.Option(help="Moment behind the last; without it: now.")] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only these events; else all of its own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,  # noqa: FBT002
) -> None:
    """Deliver a range of the log to a partner once more, under the same ids: what they have they know again."""

    async def use(service: Service) -> tuple[int, int]:
        ground, now = service.ground, utc_now()
        async with ground.database.work() as work:
            found = [one for one in await partners.subscribers(work) if one.name == partner]
        if not found:
            typer.echo(f"there is no subscriber {partner}; 'GET /subscribers' lists them", err=True)
            raise typer.Exit(1)
        wanted = set(type_ or found[0].types) & set(found[0].types)
        events = [event for name, event in PUBLIC.items() if name in wanted]
        begin, end = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC) if until else now
        read = delivered = 0
        with console.status("reading the log") as status:
            servers = ground.settings.kafka_bootstrap_servers
            async for items in read_between(servers, ground.topics, events, since=begin, until=end):
                read += len(items)
                if not dry_run:
                    async with ground.database.work() as work:
                        delivered += await redeliver(found[0], items, work)
                status.update(f"{read} events read, {delivered} to be delivered")
        return read, delivered

    read, delivered = with_service(NAME, use)
    typer.echo(f"{read} events in that range, {delivered} will be delivered; the others wait already")


def ground_of(service: Service) -> Ground:
    ground: Ground = service.notices  # type: ignore[attr-defined]  # by notifications.app
    return ground


def _say(told: str | Refusal) -> None:
    if isinstance(told, Refusal):
        typer.echo(told.hint, err=True)
        raise typer.Exit(1)
    typer.echo(told)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{text}: write NAME=VALUE, such as code=7K3MZ-Q8XWT")
    return name, value
