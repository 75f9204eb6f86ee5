"""Commands: play one seed, or the whole suite."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table
from wanderamt_local.state import state_root

from wanderamt_faults.run import Plan, Report, run

commands = typer.Typer(
    help="Break the running system at random from a seed, then prove from its history that nothing was lost, doubled, "
    "reordered or stuck.",
    no_args_is_help=True,
)
console = Console()

Out = Annotated[Path, typer.Option(help="Folder for faults.json.")]
Seconds = Annotated[float, typer.Option(help="Seconds of load at least.", min=5)]
Entries = Annotated[int, typer.Option(help="Field entries at least.", min=1)]
Faults = Annotated[int, typer.Option(help="Faults at least.", min=1)]
Rate = Annotated[float, typer.Option(help="Field entries per second.", min=0.1)]


@commands.command("run")
def run_seeds(
    seed: Annotated[list[int], typer.Option(help="Seed of chance; repeat for more runs.")],
    seconds: Seconds = 600,
    entries: Entries = 20_000,
    faults: Faults = 200,
    rate: Rate = 34,
    brokers: Annotated[int, typer.Option(help="Kafka brokers: 1 or 3.", min=1, max=3)] = 3,
    out: Out = Path("build"),
) -> None:
    """Play these seeds one after the other. Exit 1 when any of them lost, doubled, reordered or left something."""
    reports: list[Report] = []
    out.mkdir(parents=True, exist_ok=True)
    for one in seed:
        folder = state_root() / f"faults-{one}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        console.print(f"seed {one}: logs in {folder}")
        report = uvloop.run(run(Plan(one, seconds, entries, faults, rate, brokers), folder, console.print))
        reports.append(report)
        (out / "faults.json").write_text(json.dumps([each.as_dict() for each in reports], indent=2) + "\n")
        console.print(_summary(report))
        for complaint in report.complaints:
            console.print(f"[red]{complaint}[/]")
    console.print(f"Numbers: {out / 'faults.json'}")
    if any(one.lost or one.doubled or one.reordered or one.stuck for one in reports):
        raise typer.Exit(1)


def _summary(report: Report) -> Table:
    table = Table("", "", title=f"Seed {report.seed}", show_header=False)
    for name, value in report.as_dict().items():
        if name != "complaints":
            table.add_row(name.replace("_", " "), str(value))
    return table
