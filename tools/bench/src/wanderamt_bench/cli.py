"""The command line of the benchmarks."""

import fcntl
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table
from wanderamt.shell.logs import start_logs
from wanderamt.shell.service import tune_garbage_collector
from wanderamt_local.state import state_root

from wanderamt_bench.bench_environment import BenchEnvironment, Figure, open_bench_environment
from wanderamt_bench.booking import bench_booking
from wanderamt_bench.burst import bench_burst
from wanderamt_bench.documents import bench_documents
from wanderamt_bench.emit import bench_emit
from wanderamt_bench.growth import bench_growth
from wanderamt_bench.inbox import bench_inbox
from wanderamt_bench.jobs import bench_jobs
from wanderamt_bench.latency import bench_backlog, bench_latency, bench_takeover
from wanderamt_bench.neighbours import bench_neighbours
from wanderamt_bench.notices import bench_notices
from wanderamt_bench.orienteering import tours
from wanderamt_bench.planner.benchmark import planner
from wanderamt_bench.relay import bench_relay
from wanderamt_bench.sync import bench_sync
from wanderamt_bench.tap import bench_tap
from wanderamt_bench.whole_cases import bench_case

commands = typer.Typer(help="Measure the backbone beside a bare version and a library.", no_args_is_help=True)
commands.command("tours")(tours)
commands.command("planner")(planner)
console = Console()

SCENES: dict[str, Callable[[BenchEnvironment], Awaitable[object]]] = {
    "relay": bench_relay,
    "inbox": bench_inbox,
    "emit": bench_emit,
    "jobs": bench_jobs,
    "latency": bench_latency,
    "takeover": bench_takeover,
    "backlog": bench_backlog,
    "sync": bench_sync,
    "growth": bench_growth,
    "tap": bench_tap,
    "case": bench_case,
    "documents": bench_documents,
    "neighbours": bench_neighbours,
    "notices": bench_notices,
    "burst": bench_burst,
    "booking": bench_booking,
}


@commands.command("run")
def run(
    scenes: Annotated[
        list[str] | None, typer.Option("--scene", help=f"Only these scenes: {', '.join(SCENES)}.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Small loads and one round: shows that every scene works; the figures mean nothing.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for bench.json.")] = Path("build"),
) -> None:
    """Measure the ratios of ours to bare, each pair side by side. Writes bench.json."""
    unknown = set(scenes or ()) - SCENES.keys()
    if unknown:
        raise typer.BadParameter(f"unknown scenes: {', '.join(sorted(unknown))}; known: {', '.join(SCENES)}")
    start_logs("critical")  # as in a service, without the formatted tracebacks of a terminal
    tune_garbage_collector()  # as in a service: both sides of each pair run in this process
    with _exclusive_folder() as folder:
        figures = uvloop.run(_run_scenes(folder, scenes or list(SCENES), quick=quick))
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n")
    table = Table("name", "bare", "ours", "unit", "ratio")
    for figure in figures:
        table.add_row(
            figure.name,
            "" if figure.bare is None else f"{figure.bare:,}",
            f"{figure.ours:,}",
            figure.unit,
            "" if figure.ratio is None else str(figure.ratio),
        )
    console.print(table)
    console.print(f"Figures: {out / 'bench.json'}")


@contextmanager
def _exclusive_folder() -> Iterator[Path]:
    """An empty folder for the servers. A second benchmark in the same state folder would delete it, so it is refused."""
    folder = state_root() / "bench"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"Another benchmark uses {folder}. Wait until it ends, or set WANDERAMT_STATE.")
            raise typer.Exit(1) from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder


async def _run_scenes(folder: Path, scenes: list[str], *, quick: bool) -> list[Figure]:
    async with open_bench_environment(folder, console.print, quick=quick) as bench:
        for name in scenes:
            console.print(f"[bold]{name}[/]")
            begun = perf_counter()
            await SCENES[name](bench)
            console.print(f"{name} took {perf_counter() - begun:.0f} s")
        return bench.figures
