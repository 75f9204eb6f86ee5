"""The services installed here, by the entry-point group `wanderamt.services`. Light: imports no service."""

from importlib.metadata import EntryPoint, entry_points
from typing import Annotated

import typer

ServiceName = Annotated[str, typer.Argument(help="Name of an installed service, such as intake.")]


def installed_services() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="wanderamt.services")}
