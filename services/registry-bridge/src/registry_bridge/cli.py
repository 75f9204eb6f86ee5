"""Commands for the operators of the registry bridge."""

import typer
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from registry_bridge import store

NAME = "registry-bridge"

commands = typer.Typer(help="Registers: what waits for them.", no_args_is_help=True)


@commands.callback()
def bridge() -> None:
    """Registers: what waits for them."""


@commands.command("waiting")
def waiting() -> None:
    """Per register: how many requests wait, and since when the oldest does."""

    async def use(service: Service) -> list[store.Waiting]:
        async with service.ground.database.work() as work:
            return await store.waiting(work)

    found = with_service(NAME, use)
    if not found:
        typer.echo("nothing waits for any register")
    for one in found:
        typer.echo(f"{one.register}: {one.requests} waiting, the oldest since {one.since:%Y-%m-%d %H:%M:%S %Z}")
