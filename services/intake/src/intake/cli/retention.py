"""Commands about how long cases are kept: what would be deleted, delete it now, what was deleted."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from wanderamt.backbone.persistence import audit
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.security.policy import Action
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

from intake.cli.operator_actions import NAME, context_of
from intake.handlers.retention import RetentionPlan, close_ended_cases, delete_expired_cases, plan_retention
from intake.store.retention_statements import RetentionRun, count_closed_cases, retention_runs

MAX_ROWS = 100

retention = typer.Typer(
    help="How long cases are kept: what is due, what was deleted. Intake does the same by itself, every ten minutes.",
    no_args_is_help=True,
)


@retention.command("run")
def run_retention(
    who: Who,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,  # noqa: FBT002
) -> None:
    """Close cases in which nothing is open, and delete closed ones whose retention period is over."""

    async def use(service: Service) -> tuple[RetentionPlan, int, int]:
        context, database = context_of(service), service.context.database

        async def close(uow: UnitOfWork) -> int:
            return await close_ended_cases(
                uow, after=context.close_after, cipher=context.cipher, catalogue=context.catalogue
            )

        async def delete(uow: UnitOfWork) -> int:
            return await delete_expired_cases(uow, catalogue=context.catalogue)

        async with database.unit_of_work() as uow:
            plan = await plan_retention(uow, after=context.close_after, catalogue=context.catalogue)
            if not dry_run:
                await audit.record(uow, AuditRecord(who, Action.RUN_RETENTION))
        if dry_run:
            return plan, 0, 0
        return plan, await _until_done(database, close), await _until_done(database, delete)

    plan, closed, deleted = with_service(NAME, use)
    if not dry_run:
        typer.echo(f"closed {closed}, deleted {deleted}; 'wanderamt retention show' lists what was deleted")
        return
    typer.echo(f"{plan.to_close} cases would be closed")
    rows = [(service, kept, str(cases)) for (service, kept), cases in plan.expired.items()]
    typer.echo(format_table(("service", "retention", "cases to delete"), rows))


@retention.command("show")
def show_retention() -> None:
    """Show what was deleted, and how many closed cases there are."""

    async def use(service: Service) -> tuple[list[RetentionRun], list[tuple[str, str, str, str]]]:
        catalogue = context_of(service).catalogue
        kept = {pinned.version: pinned.edition.retention.value for pinned in catalogue.editions}
        async with service.context.database.unit_of_work() as uow:
            closed = [
                (edition, kept.get(edition, "unknown edition: never deleted"), str(cases), oldest.date().isoformat())
                for edition, cases, oldest in await count_closed_cases(uow)
            ]
            return await retention_runs(uow, limit=MAX_ROWS), closed

    runs, closed = with_service(NAME, use)
    typer.echo(format_table(("edition", "retention", "closed cases", "oldest closed on"), closed))
    rows = [(run.day.isoformat(), run.service, run.retention, str(run.cases)) for run in runs]
    typer.echo(format_table(("day", "service", "retention", "deleted"), rows))


async def _until_done(database: Database, step: Callable[[UnitOfWork], Awaitable[int]]) -> int:
    """The sum of what the steps did, each in a transaction of its own."""
    total = 0
    while True:
        async with database.unit_of_work() as uow:
            done = await step(uow)
        if not done:
            return total
        total += done
