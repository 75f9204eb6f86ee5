"""Commands for the operators of notifications."""

import typer
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from notifications import store

NAME = "notifications"

commands = typer.Typer(help="Notices to citizens.", no_args_is_help=True)


@commands.callback()
def notices() -> None:
    """Notices to citizens."""


@commands.command("counts")
def counts() -> None:
    """How many notices are decided, sent, failed, unknown."""

    async def use(service: Service) -> dict[str, int]:
        async with service.ground.database.work() as work:
            return await store.count_by_state(work)

    found = with_service(NAME, use)
    if not found:
        typer.echo("no notice was decided yet")
    for state, number in found.items():
        typer.echo(f"{state}: {number}")
