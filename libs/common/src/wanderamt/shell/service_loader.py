"""Builds installed services, for the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from pydantic import ValidationError

from wanderamt.shell.installed import installed_services
from wanderamt.shell.service import Service

T = TypeVar("T")


def build_service(name: str) -> Service:
    """Exits with a message when no such service is installed, or when its settings are missing or invalid."""
    point = installed_services().get(name)
    if not point:
        names = ", ".join(sorted(installed_services()))
        raise typer.BadParameter(f"no service '{name}' is installed here; installed: {names}")
    try:
        service = point.load()()
    except ValidationError as error:
        problems = "\n".join(f"  WANDERAMT_{str(entry['loc'][0]).upper()}: {entry['msg']}" for entry in error.errors())
        typer.echo(f"{name} cannot start, these settings are missing or invalid:\n{problems}", err=True)
        raise typer.Exit(2) from error
    assert isinstance(service, Service)  # noqa: S101 -- an entry point that builds something else is a bug
    return service


def with_service(
    name: str, use: Callable[[Service], Awaitable[T]], *, before_start: Callable[[Service], object] = lambda _: None
) -> T:
    """Builds the service, calls `before_start(service)`, opens its database and returns the result of the coroutine
    function `use`. For operator commands."""
    service = build_service(name)
    before_start(service)

    async def body() -> T:
        await service.context.database.start()
        try:
            return await use(service)
        finally:
            await service.context.database.stop()

    return asyncio.run(body())
