"""`wanderamt-bench planner`: the planner on generated cities, compared with lazy greedy and checked by an audit."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from scheduling.domain.coverage_model import CoverageProblem, PlannedVisit
from scheduling.solver.coverage.search import CoverageLimits, greedy_coverage, plan_coverage
from scheduling.solver.precompile import compile_coverage

from wanderamt_bench.bench_environment import Figure
from wanderamt_bench.planner.audit import audit
from wanderamt_bench.planner.cities import CitySize, city

console = Console()
SMALL = CitySize(sites=40, days=14, crews=3, vehicles=3, kits=1)


def planner(
    seeds: Annotated[str, typer.Option(help="Seeds of the cities, comma separated.")] = "1,2,3",
    seconds: Annotated[str, typer.Option(help="Time limits of the planner, comma separated.")] = "10,60,240",
    out: Annotated[Path, typer.Option(help="File for the figures.")] = Path("build/planner.json"),
) -> None:
    """Plan 200 places, 30 days, 6 crews, 5 vehicles, 2 kits, and a small city: gain over greedy, gap to the proven bound.

    Takes all time limits for each city, and a minute. The first run compiles the solver.
    """
    compile_coverage()
    rows: list[dict[str, Any]] = []
    for seed in map(int, seeds.split(",")):
        for name, size, times in (("city", CitySize(), seconds.split(",")), ("small", SMALL, ["12"])):
            problem = city(seed, size)
            base = audit(problem, greedy_coverage(problem).visits)
            for limit_s in map(float, times):
                rows.append(_plan_row(name, seed, problem, base, limit_s))
                console.print(_summary(rows[-1]))
        rows.append(_replan_row(seed, city(seed)))
        console.print(_summary(rows[-1]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")
    _merge_into_bench(rows, out.parent / "bench.json")
    console.print(f"Figures: {out}, {out.parent / 'bench.json'}")


def _plan_row(name: str, seed: int, problem: CoverageProblem, base: float, seconds: float) -> dict[str, Any]:
    result = plan_coverage(problem, CoverageLimits(seconds, prove=seconds > 10, seed=seed))
    score = audit(problem, result.visits)
    bound = result.bound if result.bound < float("inf") else None
    return {
        "kind": name,
        "seed": seed,
        "limit_s": seconds,
        "took_s": result.seconds,
        "greedy": base,
        "score": score,
        "gain": score / base - 1,
        "bound": bound,
        "gap": 1 - score / bound if bound else None,
        "iterations": result.iterations,
        "visits": len(result.visits),
    }


def _replan_row(seed: int, problem: CoverageProblem) -> dict[str, Any]:
    """One stand of a confirmed plan is cancelled; the others are pinned, and its place may not be visited that week."""
    before = plan_coverage(problem, CoverageLimits(10.0, prove=False, seed=seed)).visits
    cancelled, kept, after = replan(problem, before, len(before) // 2, CoverageLimits(5.0, prove=False, seed=seed))
    changed = len(set(kept) - set(after))
    return {
        "kind": "replanned",
        "seed": seed,
        "confirmed": len(kept),
        "changed": changed,
        "share": changed / len(kept),
        "without": audit(problem, kept),
        "score": audit(problem, after),
        "cancelled": str(cancelled),
    }


def replan(
    problem: CoverageProblem, visits: tuple[PlannedVisit, ...], index: int, limits: CoverageLimits
) -> tuple[PlannedVisit, list[PlannedVisit], tuple[PlannedVisit, ...]]:
    """(the cancelled visit, the other visits, the new plan)."""
    cancelled, kept = visits[index], [visit for visit in visits if visit != visits[index]]
    near = range(max(0, cancelled.day - 6), min(len(problem.days), cancelled.day + 7))
    forbidden = {
        PlannedVisit(cancelled.site, day, pattern, kit) for day in near for pattern in range(5) for kit in (False, True)
    }
    remaining = CoverageProblem(
        problem.sites,
        problem.cells,
        problem.groups,
        problem.days,
        problem.min_visits,
        problem.rules,
        pinned=tuple(kept),
        forbidden=frozenset(forbidden),
    )
    return cancelled, kept, plan_coverage(remaining, limits).visits


def _summary(row: dict[str, Any]) -> str:
    if row["kind"] == "replanned":
        return f"{row['seed']} replanned: {row['changed']} of {row['confirmed']} changed, {row['score']:.0f}"
    gap = "" if row["gap"] is None else f", gap {100 * row['gap']:.2f} %"
    return (
        f"{row['seed']} {row['kind']} {row['limit_s']:g} s: {row['score']:.0f}, greedy +{100 * row['gain']:.2f} %{gap}"
    )


def _merge_into_bench(rows: list[dict[str, Any]], path: Path) -> None:
    """Replaces the planner's figures in bench.json and keeps the others."""
    known = json.loads(path.read_text()) if path.exists() else []
    load = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    figures = [figure for figure in known if not figure["name"].startswith("planner / ")]
    for row in rows:
        if row["kind"] == "replanned":
            continue
        name = f"planner / {row['kind']} {row['seed']}, {row['limit_s']:g} s"
        ratio = round(row["score"] / row["greedy"], 4)
        gap = "" if row["gap"] is None else f"; gap to the proven bound {100 * row['gap']:.2f} %"
        figure = Figure(
            name, "objective", round(row["greedy"], 1), round(row["score"], 1), ratio, f"bare: greedy{gap}; {load}"
        )
        figures.append(figure.as_dict())
    path.write_text(json.dumps(figures, indent=2) + "\n")
