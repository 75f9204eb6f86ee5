"""Builds installed services, for the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from pydantic_settings import SettingsError

from wanderamt.backbone.start_error import CannotStartError
from wanderamt.shell.installed import installed_services
from wanderamt.shell.service import Service

T = TypeVar("T")


def build_service(name: str) -> Service:
    """Exits with a message when no such service is installed, or when it cannot start."""
    point = installed_services().get(name)
    if not point:
        names = ", ".join(sorted(installed_services()))
        raise typer.BadParameter(f"no service '{name}' is installed here; installed: {names}")
    try:
        service = point.load()()
    except (CannotStartError, SettingsError) as error:
        typer.echo(f"{name} cannot start: {error}", err=True)
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
