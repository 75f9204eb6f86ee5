"""Command: run the bench, write build/bench.json."""

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table
from wanderamt.shell.service import spare_the_collector
from wanderamt.shell.telemetry import start_logs
from wanderamt_local.state import state_root

from wanderamt_bench.booking import bench_booking
from wanderamt_bench.burst import bench_burst
from wanderamt_bench.consume import bench_inbox, bench_lanes
from wanderamt_bench.emit import bench_emit
from wanderamt_bench.growth import bench_growth
from wanderamt_bench.jobs import bench_jobs
from wanderamt_bench.latency import bench_backlog, bench_latency, bench_takeover
from wanderamt_bench.neighbours import bench_neighbours
from wanderamt_bench.notices import bench_notices
from wanderamt_bench.orienteering import tours
from wanderamt_bench.paper import bench_paper
from wanderamt_bench.planner.figures import planner
from wanderamt_bench.relay import bench_relay
from wanderamt_bench.stage import Number, Stage, stage
from wanderamt_bench.sync import bench_sync
from wanderamt_bench.tap import bench_tap

commands = typer.Typer(help="The backbone beside its bare version and a rival, in one run.", no_args_is_help=True)
commands.command("tours")(tours)
commands.command("planner")(planner)
console = Console()

SCENES: dict[str, Callable[[Stage], Awaitable[object]]] = {
    "relay": bench_relay,
    "inbox": bench_inbox,
    "lanes": bench_lanes,
    "emit": bench_emit,
    "jobs": bench_jobs,
    "latency": bench_latency,
    "takeover": bench_takeover,
    "backlog": bench_backlog,
    "sync": bench_sync,
    "growth": bench_growth,
    "tap": bench_tap,
    "paper": bench_paper,
    "neighbours": bench_neighbours,
    "notices": bench_notices,
    "burst": bench_burst,
    "booking": bench_booking,
}


@commands.command("run")
def run(
    scene: Annotated[list[str] | None, typer.Option(help=f"Only these scenes: {', '.join(SCENES)}.")] = None,
    quick: Annotated[
        bool, typer.Option(help="A tenth of the load and one round: says that it works, no figures.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for bench.json.")] = Path("build"),
) -> None:
    """Ratios of ours to bare, each pair measured side by side."""
    unknown = set(scene or ()) - SCENES.keys()
    if unknown:
        raise typer.BadParameter(f"no scene {', '.join(sorted(unknown))}; there are: {', '.join(SCENES)}")
    folder = state_root() / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start_logs("critical")  # as a service logs, not with the pretty tracebacks of a terminal
    spare_the_collector()  # as a service does: both sides of each pair run in this process
    numbers = uvloop.run(_play(folder, scene or list(SCENES), quick=quick))
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps([one.as_dict() for one in numbers], indent=2) + "\n")
    table = Table("name", "bare", "ours", "unit", "ratio")
    for one in numbers:
        table.add_row(
            one.name,
            "" if one.bare is None else f"{one.bare:,}",
            f"{one.ours:,}",
            one.unit,
            "" if one.ratio is None else str(one.ratio),
        )
    console.print(table)
    console.print(f"Numbers: {out / 'bench.json'}")


async def _play(folder: Path, scenes: list[str], *, quick: bool) -> list[Number]:
    async with stage(folder, console.print, quick=quick) as play:
        for name in scenes:
            console.print(f"[bold]{name}[/]")
            await SCENES[name](play)
        return play.numbers
