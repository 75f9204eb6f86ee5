"""Commands about what citizens must still do after their case."""

from typing import Annotated
from uuid import UUID

import typer
from wanderamt.backbone.persistence import audit
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.policy import Action
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

from intake.cli.operator_actions import NAME, Reason, cipher_of, line_of, run_with_context
from intake.handlers import due_dates
from intake.handlers.context import IntakeContext
from intake.store.case_statements import CaseRecord
from intake.store.due_date_statements import UnmetObligation, unmet_obligations

MAX_ROWS = 1000

obligations = typer.Typer(
    help="What citizens must still do after their case: list what is open, note that it is done.", no_args_is_help=True
)


@obligations.command("list")
def list_obligations(
    missed: Annotated[bool, typer.Option("--missed", help="Only those that were missed.")] = False,  # noqa: FBT002
) -> None:
    """List open and missed obligations, those that are due first come first."""

    async def use(service: Service) -> list[UnmetObligation]:
        async with service.context.database.unit_of_work() as uow:
            only = True if missed else None
            return await unmet_obligations(uow, cipher_of(service), missed=only, after=None, limit=MAX_ROWS)

    rows = with_service(NAME, use)
    typer.echo(format_table(("case", "service", "obligation", "due", "missed", "owner"), map(_cells, rows)))
    if not rows:
        typer.echo("nothing is open")


@obligations.command("fulfil")
def fulfil_obligation(
    case_id: Annotated[UUID, typer.Argument(help="From 'list'.")],
    code: Annotated[str, typer.Argument(metavar="OBLIGATION", help="Its code, such as levy.", callback=line_of(1, 60))],
    reason: Reason,
    who: Who,
) -> None:
    """Note that an obligation is fulfilled, or not needed any more; the reason says which."""
    record = AuditRecord(who, Action.FULFIL_OBLIGATION, str(case_id), reason=reason)

    async def fulfil(uow: UnitOfWork, context: IntakeContext) -> CaseRecord | Refusal:
        outcome = await due_dates.fulfil(
            CaseId(case_id),
            code,
            uow,
            officer=who,
            reason=reason,
            cipher=context.cipher,
            catalogue=context.catalogue,
        )
        if not isinstance(outcome, Refusal):
            await audit.record(uow, record)
        return outcome

    run_with_context(fulfil, record)
    typer.echo(f"obligation {code} of case {case_id} is fulfilled")


def _cells(row: UnmetObligation) -> tuple[str, ...]:
    missed = row.missed_at.isoformat(timespec="minutes") if row.missed_at else "-"
    return str(row.case_id), row.service, row.code, row.due_at.isoformat(timespec="minutes"), missed, row.owner
