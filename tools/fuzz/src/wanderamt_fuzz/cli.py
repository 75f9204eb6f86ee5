"""The command line of the fuzz runs."""

import asyncio
import shutil
from typing import Annotated

import typer
from wanderamt_local.state import StateFolder, state_root
from wanderamt_local.system import SERVICES, System

from wanderamt_fuzz.preparation import prepare
from wanderamt_fuzz.run import FuzzReport, fuzz

commands = typer.Typer(help="Send hostile requests to every route of the running system.", no_args_is_help=True)


@commands.callback()
def fuzz_commands() -> None:
    """Fuzz runs of the whole system."""


@commands.command("run")
def run(
    requests: Annotated[int, typer.Option(help="Requests per route.", min=1)] = 2_000,
    seed: Annotated[int, typer.Option(help="Seed of the requests.")] = 1,
    services: Annotated[list[str] | None, typer.Option("--service", help="Only this service; repeat for more.")] = None,
    only: Annotated[str, typer.Option(help="Only routes whose title has this part, such as 'POST /sync'.")] = "",
) -> None:
    """Exit code 1 when a request got a server error or no answer, or a service wrote a traceback."""
    report = asyncio.run(_run(requests=requests, seed=seed, services=services or list(SERVICES), only=only))
    typer.echo(str(report))
    if not report.clean:
        raise typer.Exit(1)


async def _run(*, requests: int, seed: int, services: list[str], only: str) -> FuzzReport:
    folder = state_root() / "fuzz"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    system = System(StateFolder(folder), report=typer.echo)
    await system.start()
    try:
        things = await prepare(system)
        return await fuzz(
            system, things, requests=requests, seed=seed, services=services, only=only, report_progress=typer.echo
        )
    finally:
        await system.stop()
