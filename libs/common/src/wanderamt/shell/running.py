"""Finds and builds the services installed here, for the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from wanderamt.shell.service import Service

T = TypeVar("T")


def installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="wanderamt.services")}


def build(name: str) -> Service:
    found = installed().get(name)
    if not found:
        raise typer.BadParameter(f"no service '{name}' is installed here; there are: {', '.join(sorted(installed()))}")
    try:
        service = found.load()()
    except ValidationError as error:
        wanted = "\n".join(f"  WANDERAMT_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        typer.echo(f"{name} cannot start, these settings are missing or wrong:\n{wanted}", err=True)
        raise typer.Exit(2) from error
    assert isinstance(service, Service)  # noqa: S101 -- an entry point that builds something else is a bug
    return service


ServiceName = Annotated[str, typer.Argument(help="Name of an installed service, such as intake.")]


def with_service(
    name: str, use: Callable[[Service], Awaitable[T]], *, first: Callable[[Service], object] = lambda _: None
) -> T:
    """Runs `first(service)`, then `use(service)` (a coroutine function) with its database open. For operators."""
    service = build(name)
    first(service)

    async def body() -> T:
        await service.ground.database.start()
        try:
            return await use(service)
        finally:
            await service.ground.database.stop()

    return asyncio.run(body())
