"""The commands that run the system on this machine: check, fetch, docs, up, down, samples, demo.

Each command imports what it uses, so that `wanderamt --help` and other commands do not load it.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer(
    help="Run the whole system on this machine: real Kafka, real PostgreSQL, all services.", no_args_is_help=True
)


@commands.command()
def check() -> None:
    """Check the requirements of the system on this machine; show the missing ones and how to get them."""
    from wanderamt_local.check import run_checks

    findings = run_checks()
    for finding in findings:
        status = "[green]ok[/]   " if finding.ok else "[red]missing[/]"
        remedy = "" if finding.ok else f": {finding.remedy}"
        _print(f"{status} {finding.requirement}{remedy}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@commands.command()
def fetch() -> None:
    """Download the jars of Kafka and of the PDF/A validator and compare them with the lock files."""
    from wanderamt_local.jars import KAFKA, VERAPDF, fetch_jars

    with _errors_explained():
        for program in (KAFKA, VERAPDF):
            fetch_jars(program)
    _print("The jars are complete and match the lock files.")


@commands.command("field-app")
def field_app(
    out: Annotated[Path | None, typer.Option(help="Target folder; by default the one that intake serves.")] = None,
    script: Annotated[str, typer.Option(help="Run a script of its package.json instead: check, test.")] = "",
) -> None:
    """Build the crew's app (TypeScript) with the Node.js of the locked packages."""
    from wanderamt_local.field_app import build_field_app, run_script

    with _errors_explained():
        if script:
            run_script(script)
        else:
            build_field_app(out=out)
    _print(f"Field app: {script or 'build'} succeeded.")


@commands.command()
def docs() -> None:
    """Write schemas, docs/events.md, docs/asyncapi and docs/openapi from the models; reject incompatible changes."""
    from wanderamt_local.contracts import generated_files, incompatible_changes

    changes = incompatible_changes()
    for change in changes:
        _print(f"[red]{change}[/]")
    if changes:
        _print("Give the event a TYPE with the next version; keep the old one while it has consumers.")
        raise typer.Exit(1)
    for path, text in generated_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _print("docs/events.md, docs/asyncapi, docs/openapi and the schema snapshots are up to date.")


@commands.command()
def up() -> None:
    """Start everything, print the URLs, keep it running until Ctrl-C or 'make down'."""
    from wanderamt_local.foreground import run_in_foreground

    with _errors_explained():
        started = run_in_foreground()
    raise typer.Exit(0 if started else 1)


@commands.command()
def down() -> None:
    """Stop what 'make up' started; its data is kept."""
    from wanderamt_local.foreground import stop_running

    stopped = stop_running()
    _print("Stopped." if stopped else "Nothing is running; 'make up' starts the system.")


@commands.command()
def samples(
    consumers: Annotated[
        list[str], typer.Argument(help="Names of services outside of the project; each gets a database.")
    ],
) -> None:
    """Run Kafka and PostgreSQL, and send the events of a sample case every two seconds, until Ctrl-C."""
    import asyncio

    from wanderamt_local.sample_cases import run_samples

    with _errors_explained():
        asyncio.run(run_samples(consumers, typer.echo))


@commands.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.json and demo/.")] = Path("build"),
    kill: Annotated[
        str,
        typer.Option(help="kill -9 this service halfway: intake, registry-bridge, scheduling or notifications."),
    ] = "",
    seconds: Annotated[float, typer.Option(help="Duration of the morning in seconds.", min=2)] = 18.0,
) -> None:
    """Play a recorded morning at the Südbahnhofmarkt through all four services; exit code 0 if all checks pass."""
    import asyncio

    from wanderamt_local.demo.run import run_demo
    from wanderamt_local.system import SERVICES

    if kill and kill not in SERVICES:
        raise typer.BadParameter(f"--kill takes one of {', '.join(SERVICES)}")
    with _errors_explained():
        passed = asyncio.run(run_demo(out, kill=kill, seconds=seconds))
    raise typer.Exit(0 if passed else 1)


def _print(text: str, *, highlight: bool = True) -> None:
    from rich.console import Console

    Console().print(text, highlight=highlight)


@contextlib.contextmanager
def _errors_explained() -> Iterator[None]:
    """Prints what this machine lacks as a sentence instead of a traceback."""
    from wanderamt_local.errors import BuildError, NotReadyError, UnavailableError

    try:
        yield
    except (UnavailableError, NotReadyError, BuildError) as error:
        _print(f"[red]{error}[/]", highlight=False)
        sys.exit(2)
