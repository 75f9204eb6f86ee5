"""What operators' commands share: their options, and that each use is written down, allowed or refused."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, TypeAlias, TypeVar

import typer
from wanderamt.backbone.persistence import audit
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import MAX_REASON, MIN_REASON
from wanderamt.shell.line_option import typed_line
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service

from intake.handlers.context import IntakeContext

NAME = "intake"
T = TypeVar("T")
Act: TypeAlias = Callable[[UnitOfWork, FieldCipher], Awaitable[T | Refusal]]
ActWithContext: TypeAlias = Callable[[UnitOfWork, IntakeContext], Awaitable[T | Refusal]]


def line_of(least: int, most: int) -> Callable[[str], str]:
    """For `callback`: a line of so many characters, as the routes take it."""

    def check(text: str) -> str:
        if not least <= len(line := typed_line(text)) <= most:
            raise typer.BadParameter(f"needs {least} to {most} characters")
        return line

    return check


Reason = Annotated[
    str,
    typer.Option(
        help=f"Why, for the record: {MIN_REASON} to {MAX_REASON} characters.", callback=line_of(MIN_REASON, MAX_REASON)
    ),
]


def context_of(service: Service) -> IntakeContext:
    context: IntakeContext = service.context.http.state.context
    return context


def cipher_of(service: Service) -> FieldCipher:
    return context_of(service).cipher


def run_recorded(act: Act[T], record: AuditRecord) -> T:
    """What `act` returns; it writes down what it did. Its refusal is written down here, as `record`, and ends the
    command with exit code 1."""
    return run_with_context(lambda uow, context: act(uow, context.cipher), record)


def run_with_context(act: ActWithContext[T], record: AuditRecord) -> T:
    """As `run_recorded`."""

    async def use(service: Service) -> T | Refusal:
        async with service.context.database.unit_of_work() as uow:
            outcome = await act(uow, context_of(service))
            if isinstance(outcome, Refusal):
                await audit.record(uow, replace(record, outcome=outcome.code))
            return outcome

    outcome = with_service(NAME, use)
    if isinstance(outcome, Refusal):
        typer.echo(outcome.hint, err=True)
        raise typer.Exit(1)
    return outcome
