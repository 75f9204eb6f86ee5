"""wanderamt plan: tours for a problem in a file, without any service."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.touring import TourAnswer, TourProblem, check
from scheduling.jobs.tours import plan_tours

SHOWN = 10


def plan(
    problem: Annotated[Path | None, typer.Option(help="A JSON file with sites and crews.", dir_okay=False)] = None,
    seconds: Annotated[float, typer.Option(help="How long to search at most.", min=0.1, max=86_400)] = 20.0,
    out: Annotated[Path | None, typer.Option(help="Where the plan is written; else it is printed.")] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Steps instead of seconds: the same seed then gives the same plan.", min=1)
    ] = None,
    schema: Annotated[  # noqa: FBT002 -- typer's way of a flag
        bool, typer.Option("--schema", help="Print the JSON Schema of problem and plan, and end.")
    ] = False,
) -> None:
    """Plan tours: which sites which crew visits on which day, for the most score, with a proven bound.

    A small problem: {"sites": [{"id": "Hauptplatz", "x": 1, "y": 2, "score": 30, "duration": 60, "window": [0, 240]}],
    "crews": [{"id": "A", "start": [0, 0], "end": [0, 0], "shift": 480}], "speed": 1, "horizon": 5}. One unit of time
    runs through all of it; `shift` bounds travel plus duration of a tour. Instead of `speed` there may be `travel`, a
    matrix. The first run on a machine compiles the solver, some 40 seconds that do not count.
    """
    if schema:
        shapes = {"problem": TourProblem.model_json_schema(), "plan": TourAnswer.model_json_schema()}
        typer.echo(json.dumps(shapes, indent=2, ensure_ascii=False))
        return
    if problem is None:
        raise typer.BadParameter("name a file: --problem FILE.json ('wanderamt plan --help' shows what is in it)")
    answer = _searched(_read(problem), seconds, iterations)
    text = answer.model_dump_json(indent=2)
    if not out:
        typer.echo(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")
    gap = 100 * (1 - answer.score / answer.bound) if answer.bound else 0.0
    typer.echo(
        f"{len(answer.tours)} tours, score {answer.score:g}, at most {gap:.2f} % below the best there can be"
        f" ({answer.status}); written to {out}"
    )


def _read(path: Path) -> TourProblem:
    try:
        problem = TourProblem.model_validate_json(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:SHOWN]]
        typer.echo("\n  ".join([f"{path} is no problem of tours:", *told]), err=True)
        raise typer.Exit(2) from error
    refused = check(problem)
    if isinstance(refused, Refusal):
        typer.echo(f"{refused.code}: {refused.hint}", err=True)
        raise typer.Exit(2)
    return problem


def _searched(problem: TourProblem, seconds: float, iterations: int | None) -> TourAnswer:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[found]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("planning", total=1.0, found="compiling the solver")

        def told(share: float, score: float, bound: float) -> bool:
            bar.update(task, completed=share, found=f"score {score:g} of at most {bound:g}")
            return True

        return plan_tours(problem, seconds=seconds, iterations=iterations, told=told)
