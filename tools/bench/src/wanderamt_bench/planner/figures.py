"""`wanderamt bench planner`: the planner on generated cities beside lazy greedy, judged by an evaluator of its own."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from scheduling.domain.planning import CoverProblem, Visit
from scheduling.solver.cover.search import Limits, greedy_cover, plan_cover
from scheduling.solver.warm import compile_cover

from wanderamt_bench.planner.audit import audit
from wanderamt_bench.planner.cities import Size, city
from wanderamt_bench.stage import Number

console = Console()
SMALL = Size(sites=40, days=14, crews=3, vehicles=3, kits=1)


def planner(
    seeds: Annotated[str, typer.Option(help="Cities, comma separated.")] = "1,2,3",
    seconds: Annotated[str, typer.Option(help="Times to give, comma separated.")] = "10,60,240",
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("build/planner.json"),
) -> None:
    """200 places, 30 days, 6 crews, 5 vehicles, 2 kits: gain over lazy greedy, gap to the proven bound; small cities too.

    Minutes: the times given, for each city, and a minute for the rest. The first run compiles the solver.
    """
    compile_cover()
    rows: list[dict[str, Any]] = []
    for seed in map(int, seeds.split(",")):
        for name, size, times in (("city", Size(), seconds.split(",")), ("small", SMALL, ["12"])):
            problem = city(seed, size)
            base = audit(problem, greedy_cover(problem).visits)
            for given in map(float, times):
                rows.append(_one(name, seed, problem, base, given))
                console.print(_said(rows[-1]))
        rows.append(_replanned(seed, city(seed)))
        console.print(_said(rows[-1]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")
    _into_bench(rows, out.parent / "bench.json")
    console.print(f"Numbers: {out}, {out.parent / 'bench.json'}")


def _one(name: str, seed: int, problem: CoverProblem, base: float, seconds: float) -> dict[str, Any]:
    found = plan_cover(problem, Limits(seconds, prove=seconds > 10, seed=seed))
    got = audit(problem, found.visits)
    bound = found.bound if found.bound < float("inf") else None
    return {
        "what": name,
        "seed": seed,
        "given_s": seconds,
        "took_s": found.seconds,
        "greedy": base,
        "score": got,
        "gain": got / base - 1,
        "bound": bound,
        "gap": 1 - got / bound if bound else None,
        "iterations": found.iterations,
        "visits": len(found.visits),
    }


def _replanned(seed: int, problem: CoverProblem) -> dict[str, Any]:
    """One stand of a confirmed plan falls out; the others are fixed, its place may not be visited that week."""
    before = plan_cover(problem, Limits(10.0, prove=False, seed=seed)).visits
    gone, kept, after = replan(problem, before, len(before) // 2, Limits(5.0, prove=False, seed=seed))
    changed = len(set(kept) - set(after))
    return {
        "what": "replanned",
        "seed": seed,
        "confirmed": len(kept),
        "changed": changed,
        "share": changed / len(kept),
        "without": audit(problem, kept),
        "score": audit(problem, after),
        "gone": str(gone),
    }


def replan(
    problem: CoverProblem, visits: tuple[Visit, ...], which: int, limits: Limits
) -> tuple[Visit, list[Visit], tuple[Visit, ...]]:
    """(what fell out, what stayed, the new plan)."""
    gone, kept = visits[which], [one for one in visits if one != visits[which]]
    near = range(max(0, gone.day - 6), min(len(problem.days), gone.day + 7))
    barred = {Visit(gone.spot, day, pattern, kit) for day in near for pattern in range(5) for kit in (False, True)}
    fallen = CoverProblem(
        problem.spots,
        problem.cells,
        problem.features,
        problem.days,
        problem.least,
        problem.rules,
        pinned=tuple(kept),
        forbidden=frozenset(barred),
    )
    return gone, kept, plan_cover(fallen, limits).visits


def _said(row: dict[str, Any]) -> str:
    if row["what"] == "replanned":
        return f"{row['seed']} replanned: {row['changed']} of {row['confirmed']} changed, {row['score']:.0f}"
    gap = "" if row["gap"] is None else f", gap {100 * row['gap']:.2f} %"
    return (
        f"{row['seed']} {row['what']} {row['given_s']:g} s: {row['score']:.0f}, greedy +{100 * row['gain']:.2f} %{gap}"
    )


def _into_bench(rows: list[dict[str, Any]], path: Path) -> None:
    """Beside the other numbers; those of the planner are replaced."""
    known = json.loads(path.read_text()) if path.exists() else []
    load = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    numbers = [one for one in known if not one["name"].startswith("planner / ")]
    for row in rows:
        if row["what"] == "replanned":
            continue
        name = f"planner / {row['what']} {row['seed']}, {row['given_s']:g} s"
        ratio = round(row["score"] / row["greedy"], 4)
        gap = "" if row["gap"] is None else f"; gap to the proven bound {100 * row['gap']:.2f} %"
        made = Number(
            name, "worth", round(row["greedy"], 1), round(row["score"], 1), ratio, f"bare: greedy{gap}; {load}"
        )
        numbers.append(made.as_dict())
    path.write_text(json.dumps(numbers, indent=2) + "\n")
