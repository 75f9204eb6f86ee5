"""Commands for the operators of scheduling."""

from typing import Annotated

import typer
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from scheduling.domain.resources import Kind
from scheduling.domain.stand import Stand
from scheduling.offers.city import read_places
from scheduling.store import stands as stand_store

NAME = "scheduling"
SHOWN = 50

commands = typer.Typer(help="Stands.", no_args_is_help=True)


@commands.callback()
def scheduling() -> None:
    """Stands: where and when, with whom and with what."""


@commands.command("stands")
def stands() -> None:
    """List the latest 50 stands."""

    async def use(service: Service) -> list[Stand]:
        async with service.ground.database.work() as work:
            return await stand_store.stands(work, limit=SHOWN)

    found = with_service(NAME, use)
    if not found:
        typer.echo("no stand is scheduled yet")
    for one in found:
        plan = one.plan
        crew = f"{plan.crew}, {plan.vehicle}, {plan.kit}"
        typer.echo(f"{plan.starts_at:%Y-%m-%d %H:%M}  {one.state:<10} {plan.place}, {crew}  {one.id}")


@commands.command("load")
def load(
    file: Annotated[str, typer.Option(help="YAML of places; without it those of Linz that are shipped.")] = "",
) -> None:
    """Put places where stands may be into the database, each with its coordinates, hours and people."""

    async def use(service: Service) -> int:
        places = read_places(file)
        async with service.ground.database.work() as work:
            for name, pitch in places.items():
                await stand_store.put_resource(work, Kind.PITCH, name, pitch)
        return len(places)

    typer.echo(f"{with_service(NAME, use)} places are in; put in crews, vehicles and kits by PUT /resources")
