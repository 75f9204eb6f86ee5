"""The command line of the fault runs."""

import json
import logging
import shutil
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table
from wanderamt_local.state import state_root

from wanderamt_faults.register_run import run_registers
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


@commands.command("registers")
def run_registers_of_cases(
    runs: Annotated[int, typer.Option(help="Number of cases, each with its own seed.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the first case.", min=1, max=90_000)] = 1,
    out: Out = Path("build"),
) -> None:
    """Play cases of two services at once, with kills and late answers, and compare each with the registers. Exit code 1
    when a register holds something twice, or case, register and paper differ, and nobody looks after it."""
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # noqa: TID251 -- its own logger: we kill the database
    out.mkdir(parents=True, exist_ok=True)
    folder = state_root() / "register-run"
    console.print(f"seeds {seed} to {seed + runs - 1}: logs in {folder}")
    report = uvloop.run(run_registers(range(seed, seed + runs), folder, console.print))
    (out / "register-runs.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n")
    table = Table("", "", title=f"{runs} runs", show_header=False)
    for name, value in report.as_dict().items():
        if name != "complaints":
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    for complaint in report.complaints:
        console.print(f"[red]{complaint}[/]", highlight=False)
    console.print(f"Numbers: {out / 'register-runs.json'}")
    if not report.clean:
        raise typer.Exit(1)
