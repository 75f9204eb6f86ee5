"""Our scores for the public team-orienteering instances (Chao, 1993), relative to the best known scores.

The instances are not part of this repository: `wanderamt-bench tours --help` describes the files.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from math import hypot
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from scheduling.domain.tour_model import TourCrew, TourPlan, TourProblem, TourSite
from scheduling.jobs.tours import plan_tours
from scheduling.solver.precompile import compile_tours

console = Console()
SLACK = 1e-6


def tours(
    instances: Annotated[Path, typer.Option(help="Folder with files such as p5.2.j.txt: n, m, tmax, then x;y;score.")],
    best: Annotated[Path, typer.Option(help="Lines 'p5.2.j.txt 580': the best known score of each.")],
    seconds: Annotated[float, typer.Option(help="For each instance.")] = 20.0,
    only: Annotated[str, typer.Option(help="Sets, comma separated: p1,p5.2 for example.")] = "p1,p2,p3,p5,p6",
    processes: Annotated[int, typer.Option(min=1, help="Instances planned at the same time.")] = 2,
    out: Annotated[Path, typer.Option(help="File for the figures.")] = Path("build/tours.json"),
) -> None:
    """Compare the score of each instance with the best known one: mean, worst, and the instances below it."""
    known = dict(_known_scores(best))
    names = [name for name in sorted(known) if name.startswith(tuple(only.split(","))) and known[name] > 0]
    compile_tours()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(processes) as pool:
        jobs = [pool.submit(_plan_instance, instances / name, seconds) for name in names]
        for name, job in track(list(zip(names, jobs, strict=True)), "planning", console=console):
            score, bound, spent = job.result()
            rows.append({"name": name, "score": score, "bound": bound, "known": known[name], "seconds": spent})
            if score != known[name]:
                console.print(f"{name}: {score:g}, known {known[name]:g}, at most {bound:g}")
    shares = [row["score"] / row["known"] for row in rows]
    figures = {"mean": mean(shares), "worst": min(shares), "instances": len(rows), "seconds": seconds, "rows": rows}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n")
    console.print(f"{len(rows)} instances: mean {mean(shares):.5f}, worst {min(shares):.4f}; {out}")


def _plan_instance(path: Path, seconds: float) -> tuple[float, float, float]:
    problem, length = read_instance(path)
    answer = plan_tours(problem, seconds=seconds, iterations=None, report=lambda *_: True)
    return checked_score(problem, answer, length), answer.bound, answer.seconds


def read_instance(path: Path) -> tuple[TourProblem, float]:
    """The problem, and the maximum length of a tour."""
    rows = [line.replace(";", " ").split() for line in path.read_text().splitlines() if line.strip()]
    count, crews, length = int(rows[0][1]), int(rows[1][1]), float(rows[2][1])
    points = [tuple(map(float, row)) for row in rows[3 : 3 + count]]
    sites = [TourSite(id=at, x=x, y=y, score=score) for at, (x, y, score) in enumerate(points)][1:-1]
    ends = {"start": points[0][:2], "end": points[-1][:2], "shift": length}
    return TourProblem(
        sites=tuple(sites), crews=tuple(TourCrew.model_validate({"id": k} | ends) for k in range(crews))
    ), length


def checked_score(problem: TourProblem, answer: TourPlan, length: float) -> float:
    """The score, computed from the problem and not by the solver. Raises AssertionError when a rule is broken."""
    sites, visited = {site.id: site for site in problem.sites}, set[Any]()
    crews = {crew.id: crew for crew in problem.crews}
    assert len({(tour.crew, tour.day) for tour in answer.tours}) == len(answer.tours)
    for tour in answer.tours:
        crew = crews[tour.crew]
        points = [crew.start, *((sites[id_].x, sites[id_].y) for id_ in tour.sites), crew.end]
        legs = [hypot(a - c, b - d) for (a, b), (c, d) in pairwise(points)]
        assert sum(legs) <= length + SLACK, tour
        assert visited.isdisjoint(tour.sites) and len(set(tour.sites)) == len(tour.sites)  # noqa: PT018
        visited |= set(tour.sites)
    return sum(sites[id_].score for id_ in visited)


def _known_scores(path: Path) -> Iterator[tuple[str, float]]:
    for line in path.read_text().splitlines():
        if line.strip():
            name, score = line.split()
            yield name, float(score)
