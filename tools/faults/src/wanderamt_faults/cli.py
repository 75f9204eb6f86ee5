"""The command line of the fault runs."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table
from wanderamt_local.state import state_root

from wanderamt_faults.run import FaultRunPlan, FaultRunReport, run

commands = typer.Typer(
    help="Inject random faults into the running system from a seed, then prove from its history that nothing was lost, "
    "doubled, reordered or stuck.",
    no_args_is_help=True,
)
console = Console()

Out = Annotated[Path, typer.Option(help="Folder for faults.json.")]
Seconds = Annotated[float, typer.Option(help="Minimum seconds of load.", min=5)]
Entries = Annotated[int, typer.Option(help="Minimum number of field entries.", min=1)]
Faults = Annotated[int, typer.Option(help="Minimum number of faults.", min=1)]
Rate = Annotated[float, typer.Option(help="Field entries per second.", min=0.1)]


@commands.callback()
def faults() -> None:
    """Fault runs of the whole system."""


@commands.command("run")
def run_seeds(
    seeds: Annotated[
        list[int], typer.Option("--seed", help="Seed of the random faults; repeat the option for more runs.")
    ],
    seconds: Seconds = 600,
    entries: Entries = 20_000,
    faults: Faults = 200,
    rate: Rate = 34,
    brokers: Annotated[int, typer.Option(help="Kafka brokers: 1 or 3.", min=1, max=3)] = 3,
    out: Out = Path("build"),
) -> None:
    """Run these seeds one after the other. Exit code 1 when a run lost, doubled, reordered or did not finish something."""
    reports: list[FaultRunReport] = []
    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        folder = state_root() / f"faults-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        console.print(f"seed {seed}: logs in {folder}")
        report = uvloop.run(run(FaultRunPlan(seed, seconds, entries, faults, rate, brokers), folder, console.print))
        reports.append(report)
        (out / "faults.json").write_text(json.dumps([finished.as_dict() for finished in reports], indent=2) + "\n")
        console.print(_summary(report))
        for complaint in report.complaints:
            console.print(f"[red]{complaint}[/]")
    console.print(f"Numbers: {out / 'faults.json'}")
    if any(report.lost or report.doubled or report.reordered or report.stuck for report in reports):
        raise typer.Exit(1)


def _summary(report: FaultRunReport) -> Table:
    table = Table("", "", title=f"Seed {report.seed}", show_header=False)
    for name, value in report.as_dict().items():
        if name != "complaints":
            table.add_row(name.replace("_", " "), str(value))
    return table
