"""Commands for operators who must stop somebody: running sessions, and officers who are cut off."""

from typing import Annotated
from uuid import UUID

import typer
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.cut_offs import CutOff, active_cut_offs
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import Action
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

from intake.cli.operator_actions import NAME, Reason, cipher_of, line_of, run_recorded
from intake.handlers import sessions as session_handlers
from intake.store.sessions import StoredSession, count_sessions, running_sessions

MAX_ROWS = 1000

sessions = typer.Typer(help="Clerks' sessions on devices: list those that run, end one.", no_args_is_help=True)
officers = typer.Typer(help="Cut off an officer's account at all services, and admit it again.", no_args_is_help=True)


Officer = Annotated[str, typer.Argument(help="The account, as in the sign-in.", callback=line_of(1, 200))]


@sessions.command("list")
def list_sessions() -> None:
    """List the sessions that run now, the newest first."""

    async def use(service: Service) -> list[StoredSession]:
        async with service.context.database.unit_of_work() as uow:
            return await running_sessions(uow, limit=MAX_ROWS)

    rows = with_service(NAME, use)
    columns = ("session_id", "officer", "device_id", "stand_id", "began_at", "until")
    typer.echo(format_table([name.replace("_", " ") for name in columns], [_cells(row, columns) for row in rows]))
    if not rows:
        typer.echo("no session runs: clerks begin one when they sign in on an enrolled device")


@sessions.command("end")
def end_session(session_id: Annotated[UUID, typer.Argument(help="From 'list'.")], reason: Reason, who: Who) -> None:
    """End a session: its token is refused from the next request on."""

    async def end(uow: UnitOfWork, cipher: FieldCipher) -> Refusal | None:
        return await session_handlers.end_session(session_id, uow, by=who, reason=reason, cipher=cipher)

    record = AuditRecord(who, Action.END_SESSION, str(session_id), reason=reason)
    run_recorded(end, record)
    typer.echo(f"session {session_id} has ended")


@officers.command("cut-off")
def cut_off_officer(officer: Officer, reason: Reason, who: Who) -> None:
    """Refuse every token of this officer at all services, from the next request on."""

    async def use(service: Service) -> int:
        async with service.context.database.unit_of_work() as uow:
            await session_handlers.cut_off_officer(officer, uow, by=who, reason=reason, cipher=cipher_of(service))
            return await count_sessions(uow, officer)

    running = with_service(NAME, use)
    typer.echo(f"{officer} is cut off; undo it with 'wanderamt officers restore {officer}'")
    if running:
        typer.echo(f"sessions of this account that are refused from now on: {running}")
    else:
        typer.echo("No session of this account runs. Compare its spelling with 'wanderamt sessions list'.", err=True)


@officers.command("restore")
def restore_officer(officer: Officer, reason: Reason, who: Who) -> None:
    """Admit an officer again who was cut off."""

    async def restore(uow: UnitOfWork, cipher: FieldCipher) -> Refusal | None:
        return await session_handlers.restore_officer(officer, uow, by=who, reason=reason, cipher=cipher)

    record = AuditRecord(who, Action.CUT_OFF_OFFICER, officer, reason=reason, details={"undone": True})
    run_recorded(restore, record)
    typer.echo(f"{officer} is admitted again")


@officers.command("list")
def list_cut_off() -> None:
    """List the officers, devices and sessions that are refused, the newest first."""

    async def use(service: Service) -> list[CutOff]:
        async with service.context.database.unit_of_work() as uow:
            return await active_cut_offs(uow, limit=MAX_ROWS)

    rows = with_service(NAME, use)
    columns = ("kind", "id", "cut_by", "reason", "since")
    typer.echo(format_table([name.replace("_", " ") for name in columns], [_cells(row, columns) for row in rows]))
    if not rows:
        typer.echo("nobody is cut off")


def _cells(row: object, columns: tuple[str, ...]) -> list[str]:
    return [str(getattr(row, name)) for name in columns]
