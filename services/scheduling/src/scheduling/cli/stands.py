"""wanderamt scheduling: commands for operators."""

import typer
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service

from scheduling.domain.stand import Stand
from scheduling.store import stands as stand_store

NAME = "scheduling"
MAX_STANDS = 50

commands = typer.Typer(help="Stands: time, place, crew, vehicle, kit.", no_args_is_help=True)


@commands.callback()
def scheduling() -> None:
    """Stands: time, place, crew, vehicle, kit."""


@commands.command("stands")
def list_stands() -> None:
    """List the latest 50 stands."""

    async def use(service: Service) -> list[Stand]:
        async with service.context.database.unit_of_work() as uow:
            return await stand_store.stands(uow, limit=MAX_STANDS)

    stands = with_service(NAME, use)
    if not stands:
        typer.echo("no stand is scheduled yet")
    for stand in stands:
        details = stand.details
        resources = f"{details.crew}, {details.vehicle}, {details.kit}"
        typer.echo(f"{details.starts_at:%Y-%m-%d %H:%M}  {stand.state:<10} {details.place}, {resources}  {stand.id}")
