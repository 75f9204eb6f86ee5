"""Public team-orienteering instances (Chao, 1993): our score over the best known, instance by instance.

The instances are not ours and do not lie here: `wanderamt bench tours --help` says what is wanted.
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
from scheduling.domain.touring import Site, TourAnswer, TourCrew, TourProblem
from scheduling.jobs.tours import plan_tours
from scheduling.solver.warm import compile_tours

console = Console()
SLACK = 1e-6


def tours(
    instances: Annotated[Path, typer.Option(help="Folder with files such as p5.2.j.txt: n, m, tmax, then x;y;score.")],
    best: Annotated[Path, typer.Option(help="Lines 'p5.2.j.txt 580': the best known score of each.")],
    seconds: Annotated[float, typer.Option(help="For each instance.")] = 20.0,
    only: Annotated[str, typer.Option(help="Sets, comma separated: p1,p5.2 for example.")] = "p1,p2,p3,p5,p6",
    processes: Annotated[int, typer.Option(min=1, help="How many at once.")] = 2,
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("build/tours.json"),
) -> None:
    """Score of each instance over its best known one: mean, worst, and those below."""
    known = dict(_lines(best))
    names = [name for name in sorted(known) if name.startswith(tuple(only.split(","))) and known[name] > 0]
    compile_tours()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(processes) as pool:
        jobs = [pool.submit(_one, instances / name, seconds) for name in names]
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


def _one(path: Path, seconds: float) -> tuple[float, float, float]:
    problem, length = read_instance(path)
    answer = plan_tours(problem, seconds=seconds, iterations=None, told=lambda *_: True)
    return audited(problem, answer, length), answer.bound, answer.seconds


def read_instance(path: Path) -> tuple[TourProblem, float]:
    """With the length that no tour may pass."""
    rows = [line.replace(";", " ").split() for line in path.read_text().splitlines() if line.strip()]
    many, crews, length = int(rows[0][1]), int(rows[1][1]), float(rows[2][1])
    points = [tuple(map(float, row)) for row in rows[3 : 3 + many]]
    sites = [Site(id=at, x=x, y=y, score=score) for at, (x, y, score) in enumerate(points)][1:-1]
    ends = {"start": points[0][:2], "end": points[-1][:2], "shift": length}
    return TourProblem(
        sites=tuple(sites), crews=tuple(TourCrew.model_validate({"id": k} | ends) for k in range(crews))
    ), length


def audited(problem: TourProblem, answer: TourAnswer, length: float) -> float:
    """The score, counted anew from the problem. Raises AssertionError where a rule is broken."""
    sites, seen = {site.id: site for site in problem.sites}, set[Any]()
    crews = {crew.id: crew for crew in problem.crews}
    assert len({(tour.crew, tour.day) for tour in answer.tours}) == len(answer.tours)
    for tour in answer.tours:
        crew = crews[tour.crew]
        points = [crew.start, *((sites[id_].x, sites[id_].y) for id_ in tour.sites), crew.end]
        legs = [hypot(a - c, b - d) for (a, b), (c, d) in pairwise(points)]
        assert sum(legs) <= length + SLACK, tour
        assert seen.isdisjoint(tour.sites) and len(set(tour.sites)) == len(tour.sites)  # noqa: PT018
        seen |= set(tour.sites)
    return sum(sites[id_].score for id_ in seen)


def _lines(path: Path) -> Iterator[tuple[str, float]]:
    for line in path.read_text().splitlines():
        if line.strip():
            name, score = line.split()
            yield name, float(score)
