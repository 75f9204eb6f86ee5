"""Commands for the operators of the registry bridge."""

from typing import Annotated
from uuid import UUID

import typer
from connector_kit.resilience.availability import Availability
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service

from registry_bridge.handlers.availability import register_availability, resume_register
from registry_bridge.handlers.context import RegistryContext
from registry_bridge.handlers.requests import find_unreadable_response, record_reparsed, resolve_request

NAME = "registry-bridge"
RequestArgument = Annotated[UUID, typer.Argument(help="Id of the request, from 'wanderamt dead-letters show'.")]

commands = typer.Typer(
    help="Registers: their availability, and what only an operator can resolve.", no_args_is_help=True
)


@commands.callback()
def registry_bridge() -> None:
    """Registers: their availability, and what only an operator can resolve."""


def _context(service: Service) -> RegistryContext:
    context: RegistryContext = service.context.http.state.context
    return context


@commands.command("status")
def status() -> None:
    """Show for each register its availability, its backlog and the expected waiting time."""

    async def use(service: Service) -> dict[str, Availability]:
        async with service.context.database.unit_of_work() as uow:
            return await register_availability(uow, manifests=_context(service).manifests)

    for name, register in with_service(NAME, use).items():
        oldest = f", the oldest since {register.oldest_at:%Y-%m-%d %H:%M:%S %Z}" if register.oldest_at else ""
        reason = f" ({register.reason})" if register.reason else ""
        typer.echo(
            f"{name}: {register.status}{reason}; {register.waiting} waiting{oldest}; "
            f"expected wait {register.wait_s:g} s"
        )


@commands.command("resume")
def resume(register: Annotated[str, typer.Argument(help="Name of the register, such as residents.")]) -> None:
    """Resume calls to a register that was suspended because it rejected our credentials."""

    async def use(service: Service) -> str:
        async with service.context.database.unit_of_work() as uow:
            return await resume_register(register, uow, manifests=_context(service).manifests)

    typer.echo(with_service(NAME, use))


@commands.command("reparse")
def reparse(request: RequestArgument, who: Who) -> None:
    """Parse a stored unreadable response again, after its adapter was fixed."""

    async def use(service: Service) -> str | Refusal:
        context = _context(service)
        async with service.context.database.unit_of_work() as uow:
            stored = await find_unreadable_response(RequestId(request), uow, cipher=context.cipher)
        if isinstance(stored, Refusal):
            return stored
        register_request, raw = stored
        outcome = context.bridges[register_request.register].reparse(register_request.operation, raw)
        async with service.context.database.unit_of_work() as uow:
            return await record_reparsed(
                RequestId(request),
                outcome,
                uow,
                manifests=context.manifests,
                cipher=context.cipher,
                operator=who,
                consumer=service.context.name,
            )

    _print(with_service(NAME, use))


@commands.command("resolve")
def resolve(
    request: RequestArgument,
    who: Who,
    done: Annotated[
        bool,
        typer.Option(
            "--done/--not-done", help="The answer of the register's owner: the command had its effect or not."
        ),
    ],
    answer: Annotated[
        str, typer.Option(help='With --done: what the register wrote down, as JSON, such as {"number": "P-000017", …}.')
    ] = "",
) -> None:
    """Resolve a command whose effect is uncertain, after you asked the owner of the register."""

    async def use(service: Service) -> str | Refusal:
        async with service.context.database.unit_of_work() as uow:
            return await resolve_request(
                RequestId(request),
                uow,
                happened=done,
                manifests=_context(service).manifests,
                cipher=_context(service).cipher,
                operator=who,
                consumer=service.context.name,
                answer=answer.encode() or None,
                models={name: bridge.models for name, bridge in _context(service).bridges.items()},
            )

    _print(with_service(NAME, use))


def _print(result: str | Refusal) -> None:
    if isinstance(result, Refusal):
        typer.echo(result.hint, err=True)
        raise typer.Exit(1)
    typer.echo(result)
