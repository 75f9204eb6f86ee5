"""Commands that run and migrate services. They import the service when they are called."""

from typing import Annotated

import typer

from wanderamt.shell.installed import ServiceName, installed_services


def run(
    service: ServiceName,
    migrate_first: Annotated[bool, typer.Option("--migrate", help="Update the database schema first.")] = False,  # noqa: FBT002
) -> None:
    """Run a service until SIGTERM: HTTP, inbox, jobs and relay in one process."""
    import uvloop

    from wanderamt.shell.service_loader import build_service

    built = build_service(service)
    if migrate_first:
        built.migrate()
    uvloop.run(built.run())


def migrate(service: ServiceName) -> None:
    """Update the database schema of a service to its newest version."""
    from wanderamt.shell.service_loader import build_service

    build_service(service).migrate()
    typer.echo(f"{service}: schema is up to date")


def services() -> None:
    """List the installed services."""
    for name in sorted(installed_services()):
        typer.echo(name)
