"""Commands for operators: list and retry dead letters, rebuild a projection."""

import getpass
import os
import sys
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.messaging import dead_letter_queries, replay
from wanderamt.backbone.messaging import rebuild as projection_rebuild
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, DeadLetterRow, FailureGroup
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.rebuild import TargetNotEmptyError
from wanderamt.backbone.persistence.database import Database
from wanderamt.shell.installed import ServiceName
from wanderamt.shell.line_option import typed_line
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

dead_letters = typer.Typer(
    help="Inspect and retry events and jobs that failed, and those that wait behind them.\n\n"
    "Start with 'wanderamt dead-letters list SERVICE'. Rows that failed at the same place for the same reason form a "
    "group: fix the cause, then retry the group. Every action is recorded with your name.",
    no_args_is_help=True,
)


def user_name() -> str:
    """Called when a command runs: in a container a user may have a number and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


GroupName = Annotated[str | None, typer.Option("--group", help="Only this group, by its fingerprint from 'list'.")]
Aggregate = Annotated[UUID | None, typer.Option(help="Only this case, request, stand or notice.")]
RowId = Annotated[int | None, typer.Option("--id", help="Only this row, by its id from 'show'.")]
Before = Annotated[float, typer.Option(help="Only rows stored more than this many minutes ago.", min=0)]
Who = Annotated[
    str,
    typer.Option(
        help="Your name, for the record of operators' actions.",
        default_factory=user_name,
        show_default="your name on this machine",
        callback=typed_line,
    ),
]


@dead_letters.command("list")
def list_groups(service: ServiceName) -> None:
    """List events and jobs that failed, grouped by the cause of failure."""

    async def use(built: Service) -> list[FailureGroup]:
        async with built.context.database.unit_of_work() as uow:
            return await dead_letter_queries.list_groups(uow)

    groups = with_service(service, use)
    if not groups:
        typer.echo(f"{service} has no dead letters.")
        return
    columns = ("group", "kind", "state", "type", "reason", "rows", "not stored", "aggregates", "since")
    typer.echo(
        format_table(
            columns,
            [
                (
                    *(group.fingerprint, group.kind, group.state, group.type, group.reason),
                    *(group.rows, group.not_stored, group.aggregates, group.since.isoformat(" ", "seconds")),
                )
                for group in groups
            ],
        )
    )
    typer.echo(
        f"\nRows of a group: wanderamt dead-letters show {service} GROUP. "
        f"After fixing the cause: wanderamt dead-letters retry {service} --group GROUP"
    )


@dead_letters.command("show")
def show_group(
    service: ServiceName,
    group: Annotated[str, typer.Argument(help="Fingerprint from 'list'.")],
    limit: Annotated[int, typer.Option(help="Maximum number of rows.", min=1, max=10_000)] = 20,
) -> None:
    """Show the rows of one group: origin and ids, never the content."""

    async def use(built: Service) -> list[DeadLetterRow]:
        async with built.context.database.unit_of_work() as uow:
            return await dead_letter_queries.list_rows(uow, fingerprint=group, limit=limit)

    rows = with_service(service, use)
    if not rows:
        typer.echo(f"{service} has no group {group}; see 'wanderamt dead-letters list {service}'.")
        raise typer.Exit(1)
    columns = ("id", "kind", "state", "type", "reason", "attempts", "subject", "origin", "stored_at", "bytes")
    typer.echo(
        format_table(
            [name.replace("_", " ") for name in columns],
            [[str(getattr(row, name)) for name in columns] for row in rows],
        )
    )


@dead_letters.command("retry")
def retry(
    service: ServiceName,
    who: Who,
    group: GroupName = None,
    aggregate: Aggregate = None,
    row: RowId = None,
    before_minutes: Before = 0,
    rate: Annotated[float | None, typer.Option(help="Maximum rows per second.", min=0.01)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the selected rows.")] = False,  # noqa: FBT002
) -> None:
    """Handle events again, in order per aggregate, and run jobs again. After an interruption, start it again."""
    selected = _filter(group, aggregate, row, before_minutes)

    async def use(built: Service) -> int:
        failed = 0
        for inbox in built.inboxes.values():
            failed += await _retry_consumer(inbox, selected, who=who, rate=rate, dry_run=dry_run)
        return failed

    if with_service(service, use):
        raise typer.Exit(1)


async def _retry_consumer(
    inbox: Inbox, selected: DeadLetterFilter, *, who: str, rate: float | None, dry_run: bool
) -> int:
    """The number of rows that failed again."""
    async with inbox.database.unit_of_work() as uow:
        rows, aggregates = await dead_letter_queries.count_selected(uow, inbox.consumer, selected)
    typer.echo(f"{inbox.consumer}: {rows} rows of {aggregates} aggregates are selected.")
    if dry_run or not rows:
        return 0
    async for summary in replay.replay(inbox, selected, who=who, rate=rate):
        _show_progress("retrying", summary.rows, rows)
    _end_progress()
    typer.echo(f"replayed {summary.replayed}, stale {summary.stale}, failed again {summary.failed}")
    for reason in sorted(summary.reasons):
        typer.echo(f"failed again: {reason}")
    return summary.failed


@dead_letters.command("discard")
def discard(
    service: ServiceName,
    why: Annotated[str, typer.Option(help="The reason, for the record of operators' actions.", callback=typed_line)],
    who: Who,
    group: GroupName = None,
    aggregate: Aggregate = None,
    row: RowId = None,
    before_minutes: Before = 0,
) -> None:
    """Delete dead letters. Events that wait behind them stay until you retry them; later jobs of a key run."""
    if not (group or aggregate or row):
        raise typer.BadParameter(
            "name a --group, an --aggregate or an --id: this command never deletes everything at once"
        )
    selected = _filter(group, aggregate, row, before_minutes)

    async def use(built: Service) -> int:
        async with built.context.database.unit_of_work() as uow:
            return sum([await replay.discard(uow, consumer, selected, who=who, why=why) for consumer in built.inboxes])

    typer.echo(f"{with_service(service, use)} rows deleted")


def rebuild(
    service: ServiceName,
    into: Annotated[str, typer.Option(help="postgresql:// URL of an empty database, created for this purpose.")],
    compare: Annotated[bool, typer.Option(help="Compare the result with the running service, row by row.")] = True,  # noqa: FBT002
) -> None:
    """Rebuild a service's projections from offset 0 of its topics, into an empty database.

    No event and no message is sent during a rebuild. The running service is not touched.
    """

    async def use(built: Service) -> bool:
        context = built.context
        target = Database(into, service_name=context.name, authority=context.authority)
        await target.start()
        try:
            async for progress in projection_rebuild.rebuild(_inbox(built), target):
                _show_progress("reading the topics", progress.done, progress.total)
            _end_progress()
            if progress.dead_letters:
                typer.echo(
                    f"{progress.dead_letters} records could not be handled: see the table dead_letter of the new "
                    "database."
                )
            diffs = await projection_rebuild.compare(context.database, target, built.projections) if compare else []
        except TargetNotEmptyError as error:
            raise typer.BadParameter("the database already holds rows: name an empty one") from error
        finally:
            await target.stop()
        typer.echo(
            format_table(
                ("projection", "rows live", "rows rebuilt", "only live", "only rebuilt"),
                [(diff.table, diff.live, diff.rebuilt, diff.only_live, diff.only_rebuilt) for diff in diffs],
            )
        )
        equal = all(diff.equal for diff in diffs)
        if not equal:
            typer.echo(
                "The projections differ. While events are in transit this is expected: wait for lag 0 and try again."
            )
        return equal and not progress.dead_letters

    if not with_service(service, use, before_start=lambda built: built.migrate(into)):
        raise typer.Exit(1)


def _filter(group: str | None, aggregate: UUID | None, row: int | None, before_minutes: float) -> DeadLetterFilter:
    cutoff = utc_now() - timedelta(minutes=before_minutes)
    return DeadLetterFilter(cutoff, group, aggregate, row)


def _inbox(service: Service) -> Inbox:
    inbox = service.inboxes.get(service.context.name)
    if not inbox:
        raise typer.BadParameter(f"{service.context.name} consumes no events, so there is nothing to rebuild")
    return inbox


def _show_progress(what: str, done: int, total: int) -> None:
    """On a terminal, one line that is overwritten; nothing in a pipe or a log."""
    if sys.stderr.isatty():
        share = 100 * done // total if total else 100
        typer.echo(f"\r{what}: {done} of {total} ({share} %)", err=True, nl=False)


def _end_progress() -> None:
    if sys.stderr.isatty():
        typer.echo(err=True)
