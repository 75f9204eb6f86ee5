"""wanderamt places: the places where stands may be."""

from typing import Annotated

import typer
from wanderamt.shell.line_option import refused_file
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service

from scheduling.domain.resources import ResourceKind
from scheduling.reference_data.city import read_places
from scheduling.store import stands as stand_store

NAME = "scheduling"

commands = typer.Typer(help="Places where stands may be.", no_args_is_help=True)


@commands.callback()
def places() -> None:
    """Places where stands may be, with their coordinates, opening hours and people nearby."""


@commands.command("import")
def import_places(
    file: Annotated[str, typer.Option(help="YAML file of places; without it, the packaged places.")] = "",
) -> None:
    """Import places into the database of scheduling. Existing places are updated."""

    try:
        places = read_places(file)
    except ValueError as error:
        raise refused_file(file or "places.yaml", error) from None

    async def use(service: Service) -> int:
        async with service.context.database.unit_of_work() as uow:
            for name, pitch in places.items():
                await stand_store.put_resource(uow, ResourceKind.PITCH, name, pitch)
        return len(places)

    count = with_service(NAME, use)
    typer.echo(f"imported {count} places; add crews, vehicles and kits with PUT /resources")
