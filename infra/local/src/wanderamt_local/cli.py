"""The commands that run the system on this machine: check, docs, up, down, demo."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from wanderamt_local.check import findings
from wanderamt_local.contracts import broken, derived
from wanderamt_local.demo.run import run_demo
from wanderamt_local.field_app import NotBuilt, build_field_app, run_script
from wanderamt_local.jars import KAFKA, VERAPDF, fetch_jars
from wanderamt_local.postgres import Unavailable
from wanderamt_local.processes import NotReady
from wanderamt_local.state import State, state_root
from wanderamt_local.system import SERVICES, System

STOP_TIMEOUT_S = 60

commands = typer.Typer(
    help="The whole system on this machine: real Kafka, real PostgreSQL, all services.", no_args_is_help=True
)
console = Console()


@commands.command()
def check() -> None:
    """Say what this machine has, what it lacks, and how to get it."""
    found = findings()
    for finding in found:
        console.print(
            f"[green]ok[/]    {finding.what}" if finding.ok else f"[red]lacks[/] {finding.what}: {finding.cure}"
        )
    raise typer.Exit(0 if all(finding.ok for finding in found) else 1)


@commands.command()
def fetch() -> None:
    """Download what runs natively (the jars of Kafka and of the PDF/A validator) and compare it with the lock files."""
    with _explained():
        for program in (KAFKA, VERAPDF):
            fetch_jars(program)
    console.print("the jars are here and are the locked ones")


@commands.command("field-app")
def field_app(
    out: Annotated[Path | None, typer.Option(help="Another folder than the one intake serves it from.")] = None,
    script: Annotated[str, typer.Option(help="Run a script of its package.json instead: check, test.")] = "",
) -> None:
    """Build the crew's app (TypeScript), with the Node.js of the locked packages."""
    with _explained():
        if script:
            run_script(script)
        else:
            build_field_app(out=out)
    console.print(f"the crew's app: {script or 'build'} is done")


@commands.command()
def docs() -> None:
    """Write schemas, docs/events.md, docs/asyncapi and docs/openapi from the models; refuse what breaks a promise."""
    complaints = broken()
    for complaint in complaints:
        console.print(f"[red]{complaint}[/]")
    if complaints:
        console.print("Give the event a new TYPE with the next version, and keep the old one until nobody hears it.")
        raise typer.Exit(1)
    for path, text in derived().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    console.print("docs/events.md, docs/asyncapi, docs/openapi and the schema snapshots say what the models say")


@commands.command()
def up() -> None:
    """Start everything, print the URLs, keep it running until Ctrl-C or 'make down'."""
    folder = state_root() / "up"
    if pid := _running(folder):
        console.print(f"the system runs already (process {pid}); 'make down' stops it")
        raise typer.Exit(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").write_text(str(os.getpid()))
    try:
        with _explained():
            asyncio.run(_keep_up(System(State(folder), say=console.print)))
    finally:
        (folder / "pid").unlink(missing_ok=True)


@commands.command()
def down() -> None:
    """Stop what 'make up' started; its data stays for the next time."""
    folder = state_root() / "up"
    pid = _running(folder)
    if not pid:
        console.print("nothing is running; 'make up' starts the system")
        return
    os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(STOP_TIMEOUT_S)
    console.print("stopped")


@commands.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for demo.json and demo/.")] = Path("build"),
    kill: Annotated[str, typer.Option(help=f"kill -9 this service in the middle: one of {', '.join(SERVICES)}.")] = "",
    seconds: Annotated[float, typer.Option(help="How long the morning is played, in seconds.", min=2)] = 18.0,
) -> None:
    """Play a recorded morning at the Südbahnhofmarkt through all four services; exit 0 only if the numbers add up."""
    if kill and kill not in SERVICES:
        raise typer.BadParameter(f"--kill takes one of {', '.join(SERVICES)}")
    with _explained():
        passed = asyncio.run(run_demo(out, kill=kill, seconds=seconds, console=console))
    raise typer.Exit(0 if passed else 1)


async def _keep_up(system: System) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid()
    watching = asyncio.create_task(_follow_parent(parent, stop))
    started = asyncio.create_task(system.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({started, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        started.cancel()
        await asyncio.gather(started, return_exceptions=True)
        return
    started.result()
    console.print(_urls(system))
    console.print(f"For commands in another terminal: set -a; . {system.state.folder}/env/intake.env; set +a")
    console.print("Ctrl-C or 'make down' stops it.")
    await stop.wait()
    console.print("stopping")
    watching.cancel()
    await system.stop()


async def _follow_parent(parent: int, stop: asyncio.Event) -> None:
    """A killed make (or terminal) takes the system with it."""
    while os.getppid() == parent:
        await asyncio.sleep(1)
    stop.set()


def _urls(system: System) -> Table:
    table = Table("what", "where", "process", title="Wanderamt is up")
    pids = system.children.pids()
    for name, url in system.urls().items():
        table.add_row(name, f"{url}/docs" if name in SERVICES else url, str(pids.get(name) or ""))
    return table


def _running(folder: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        pid = int((folder / "pid").read_text())
        if "wanderamt" in " ".join(psutil.Process(pid).cmdline()):  # and not another program that got the same number
            return pid
    return None


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What this machine lacks is a sentence on the screen, not a traceback."""
    try:
        yield
    except (Unavailable, NotReady, NotBuilt) as error:
        console.print(f"[red]{error}[/]", highlight=False)
        sys.exit(2)
