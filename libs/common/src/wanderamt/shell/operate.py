"""Commands for the operator at 3 a.m.: what is parked and why, drive it again, make a projection anew."""

import getpass
import os
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from wanderamt.backbone import rebuild as again
from wanderamt.backbone import replay as parked_replay
from wanderamt.backbone.database import Database, migrate
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.replay import Group, Selection
from wanderamt.backbone.sources import utc_now
from wanderamt.shell.running import ServiceName, with_service
from wanderamt.shell.service import Service

parked = typer.Typer(
    help="Events that could not be handled, and what waits behind them.\n\n"
    "Start with 'wanderamt parked list SERVICE'. Rows that failed at the same place for the same reason form a group; "
    "mend the cause, then replay the group. Everything done here is written down with your name.",
    no_args_is_help=True,
)
console = Console()


def _user_name() -> str:
    """Asked when a command runs: in a container a user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


GroupName = Annotated[str | None, typer.Option("--group", help="Only this group, by its fingerprint from 'list'.")]
Aggregate = Annotated[UUID | None, typer.Option(help="Only this case, request, stand or notice.")]
Before = Annotated[float, typer.Option(help="Only what was parked before so many minutes ago.", min=0)]
Who = Annotated[
    str, typer.Option(help="Who does this; stands in the record of operators' actions.", default_factory=_user_name)
]


@parked.command("list")
def list_groups(service: ServiceName) -> None:
    """What is parked, grouped by what went wrong."""

    async def use(built: Service) -> list[Group]:
        async with built.ground.database.work() as work:
            return await parked_replay.groups(work, _inbox(built).consumer)

    groups = with_service(service, use)
    if not groups:
        console.print(f"Nothing is parked at {service}.")
        return
    table = Table("group", "state", "event", "reason", "rows", "aggregates", "since", title=f"Parked at {service}")
    for one in groups:
        since = one.since.isoformat(" ", "seconds")
        table.add_row(one.fingerprint, one.state, one.type, one.reason, str(one.rows), str(one.aggregates), since)
    console.print(table)
    console.print(
        f"Look closer: wanderamt parked show {service} GROUP. After mending the cause: wanderamt parked replay"
    )


@parked.command("show")
def show_group(
    service: ServiceName,
    group: Annotated[str, typer.Argument(help="Fingerprint from 'list'.")],
    limit: Annotated[int, typer.Option(help="Rows at most.", min=1, max=10_000)] = 20,
) -> None:
    """Rows of one group: where they came from, whose they are. Contents stay sealed in the database."""

    async def use(built: Service) -> list[dict[str, Any]]:
        async with built.ground.database.work() as work:
            return await parked_replay.show(work, _inbox(built).consumer, fingerprint=group, limit=limit)

    rows = with_service(service, use)
    if not rows:
        console.print(f"No group {group} is parked at {service}; see 'wanderamt parked list {service}'.")
        raise typer.Exit(1)
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


@parked.command("replay")
def replay(
    service: ServiceName,
    who: Who,
    group: GroupName = None,
    aggregate: Aggregate = None,
    before_minutes: Before = 0,
    rate: Annotated[float | None, typer.Option(help="Rows per second at most.", min=0.01)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,  # noqa: FBT002
) -> None:
    """Handle parked events again, in order per aggregate. Interrupted? Start it again: it goes on with what is left."""
    chosen = _selection(group, aggregate, before_minutes)

    async def use(built: Service) -> int:
        inbox = _inbox(built)
        async with built.ground.database.work() as work:
            rows, aggregates = await parked_replay.count(work, inbox.consumer, chosen)
        console.print(f"{rows} rows of {aggregates} aggregates are chosen.")
        if dry_run or not rows:
            return 0
        with _bar() as bar:
            task = bar.add_task("replaying", total=rows)
            async for tally in parked_replay.replay(inbox, chosen, who=who, rate=rate):
                bar.update(task, completed=tally.rows)
        console.print(f"replayed {tally.replayed}, stale {tally.stale}, failed again {tally.failed}")
        for reason in sorted(tally.reasons):
            console.print(f"failed again: {reason}")
        return tally.failed

    if with_service(service, use):
        raise typer.Exit(1)


@parked.command("discard")
def discard(
    service: ServiceName,
    why: Annotated[str, typer.Option(help="The reason; it is written down.")],
    who: Who,
    group: GroupName = None,
    aggregate: Aggregate = None,
    before_minutes: Before = 0,
) -> None:
    """Throw parked events away. What waits behind them stays parked until you replay it."""
    if not group and not aggregate:
        raise typer.BadParameter("name a --group or an --aggregate: throwing everything away at once is not offered")
    chosen = _selection(group, aggregate, before_minutes)

    async def use(built: Service) -> int:
        async with built.ground.database.work() as work:
            return await parked_replay.discard(work, _inbox(built).consumer, chosen, who=who, why=why)

    console.print(f"{with_service(service, use)} rows thrown away")


def rebuild(
    service: ServiceName,
    into: Annotated[str, typer.Option(help="postgresql:// URL of an empty database, made by you for this.")],
    compare: Annotated[bool, typer.Option(help="Compare the result with the running service, row by row.")] = True,  # noqa: FBT002
) -> None:
    """Make a service's projections again from offset 0 of its topics, into an empty database.

    Nothing is sent and nothing is told while rebuilding. The running service is not touched.
    """

    async def use(built: Service) -> bool:
        ground = built.ground
        target = Database(into, owner=ground.name)
        await target.start()
        try:
            with _bar() as bar:
                task = bar.add_task("reading the topics", total=None)
                async for step in again.rebuild(_inbox(built), target):
                    bar.update(task, completed=step.done, total=step.total)
            found = await again.compare(ground.database, target, built.projections) if compare else []
        except again.NotEmpty as error:
            raise typer.BadParameter("the database holds rows already: give an empty one") from error
        finally:
            await target.stop()
        table = Table("projection", "rows live", "rows rebuilt", "only live", "only rebuilt")
        for one in found:
            table.add_row(one.table, *map(str, (one.live, one.rebuilt, one.only_live, one.only_rebuilt)))
        console.print(table)
        return all(one.equal for one in found)

    def prepare(built: Service) -> None:
        migrate(into, built.ground.package)

    if not with_service(service, use, first=prepare):
        console.print("They differ. While events are on their way that is expected: wait for lag 0 and try again.")
        raise typer.Exit(1)


def _selection(group: str | None, aggregate: UUID | None, before_minutes: float) -> Selection:
    return Selection(utc_now() - timedelta(minutes=before_minutes), group, aggregate)


def _inbox(service: Service) -> Inbox:
    inbox = service.parts.get("inbox")
    if not isinstance(inbox, Inbox):
        raise typer.BadParameter(f"{service.ground.name} hears no events, so nothing of it can be parked or rebuilt")
    return inbox


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
