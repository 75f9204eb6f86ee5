"""`wanderamt audit`: who did or tried what at a service, about what, why, when."""

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated

import typer

from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.persistence.audit import (
    AuditFilter,
    AuditRecord,
    StoredAuditRecord,
    find_records,
    record,
    recorded_actions,
)
from wanderamt.security.policy import Action
from wanderamt.shell.installed import ServiceName
from wanderamt.shell.operator_cli import user_name
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

MAX_ID = 2**63 - 1


def audit(
    service: ServiceName,
    who: Annotated[str, typer.Option(help="Only this officer's account.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, as in docs/security.md.")] = "",
    outcome: Annotated[str, typer.Option(help="Only 'allowed', or one code of a refusal.")] = "",
    subject: Annotated[str, typer.Option(help="Only this case, document, device… by its id.")] = "",
    hours: Annotated[float, typer.Option(help="Only the last so many hours.", min=0)] = 24 * 3650,
    limit: Annotated[int, typer.Option(help="Maximum number of records.", min=1, max=10_000)] = 50,
) -> None:
    """Show who did or tried what at a service, the newest first: readings, decisions, refusals, operators' actions.

    To read them is recorded, too.
    """
    wanted = AuditFilter(who, action, outcome, subject, since=utc_now() - timedelta(hours=hours))

    async def use(built: Service) -> list[StoredAuditRecord]:
        async with built.context.database.unit_of_work() as uow:
            shown = await find_records(uow, wanted, before=MAX_ID, limit=limit)
            if action and not shown:
                _check_action(action, await recorded_actions(uow))
            await record(uow, AuditRecord(user_name(), Action.READ_AUDIT))
            return shown

    records = with_service(service, use)
    if not records:
        typer.echo(f"{service} has no such record.")
        return
    typer.echo(audit_table(records))


def _check_action(action: str, recorded: Sequence[str]) -> None:
    """A misspelled action would look as if nothing had happened."""
    known = sorted({*Action, *recorded})
    if action not in known:
        near = get_close_matches(action, known)
        raise typer.BadParameter(f"--action: no such action; known: {', '.join(near or known)}")


def audit_table(records: Sequence[StoredAuditRecord]) -> str:
    columns = ("who", "action", "subject_id", "outcome", "times", "reason")
    rows = [
        [
            record.at.isoformat(" ", "seconds"),
            *(str(getattr(record, name)) for name in columns),
            ", ".join(f"{name}: {value}" for name, value in record.details.items()),
        ]
        for record in records
    ]
    return format_table(["at", *(name.replace("_", " ") for name in columns), "details"], rows)
