"""wanderamt tours: plans tours for a problem in a file, without any service."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.tour_model import TourPlan, TourProblem, check_tour_problem

MAX_ERRORS = 10

commands = typer.Typer(help="Plan tours for a problem in a file, without any service.", no_args_is_help=True)


@commands.callback()
def tours() -> None:
    """Plan tours for a problem in a file, without any service."""


@commands.command("plan")
def plan_tours(
    problem: Annotated[Path | None, typer.Option(help="JSON file with sites and crews.", dir_okay=False)] = None,
    seconds: Annotated[float, typer.Option(help="Maximum search time.", min=0.1, max=86_400)] = 20.0,
    out: Annotated[Path | None, typer.Option(help="File for the plan; without it, the plan is printed.")] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Steps instead of seconds: the same seed then gives the same plan.", min=1)
    ] = None,
    schema: Annotated[  # noqa: FBT002 -- typer's way of a flag
        bool, typer.Option("--schema", help="Print the JSON Schema of problem and plan, and exit.")
    ] = False,
) -> None:
    """Plan tours: which crew visits which sites on which day, for the highest score, with a proven bound.

    A small problem: {"sites": [{"id": "Hauptplatz", "x": 1, "y": 2, "score": 30, "duration": 60, "window": [0, 240]}],
    "crews": [{"id": "A", "start": [0, 0], "end": [0, 0], "shift": 480}], "speed": 1, "horizon": 5}. All times have the
    same unit; `shift` bounds travel plus duration of a tour. `travel`, a matrix, can replace `speed`. The first run on
    a machine compiles the solver, which takes some 40 seconds that do not count. Needs the extra `solver` of
    wanderamt-scheduling.
    """
    if schema:
        schemas = {"problem": TourProblem.model_json_schema(), "plan": TourPlan.model_json_schema()}
        typer.echo(json.dumps(schemas, indent=2, ensure_ascii=False))
        return
    if problem is None:
        raise typer.BadParameter("name a file: --problem FILE.json ('wanderamt tours plan --help' shows an example)")
    plan = _search(_read(problem), seconds, iterations)
    text = plan.model_dump_json(indent=2)
    if not out:
        typer.echo(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")
    gap = 100 * (1 - plan.score / plan.bound) if plan.bound else 0.0
    typer.echo(
        f"{len(plan.tours)} tours, score {plan.score:g}, at most {gap:.2f} % below the optimum ({plan.status});"
        f" written to {out}"
    )


def _read(path: Path) -> TourProblem:
    try:
        problem = TourProblem.model_validate_json(path.read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        details = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()[:MAX_ERRORS]]
        typer.echo("\n  ".join([f"{path} is not a tour problem:", *details]), err=True)
        raise typer.Exit(2) from error
    refusal = check_tour_problem(problem)
    if isinstance(refusal, Refusal):
        typer.echo(f"{refusal.code}: {refusal.hint}", err=True)
        raise typer.Exit(2)
    return problem


def _search(problem: TourProblem, seconds: float, iterations: int | None) -> TourPlan:
    # imported here: solver and rich are heavy, and other commands load this module for its help
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        from scheduling.jobs.tours import plan_tours as search_tours
    except ModuleNotFoundError as error:
        typer.echo(f"{error.name} is missing: install wanderamt-scheduling[solver]", err=True)
        raise typer.Exit(2) from error

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[status]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("planning", total=1.0, status="compiling the solver")

        def report(share: float, score: float, bound: float) -> bool:
            bar.update(task, completed=share, status=f"score {score:g} of at most {bound:g}")
            return True

        return search_tours(problem, seconds=seconds, iterations=iterations, report=report)
