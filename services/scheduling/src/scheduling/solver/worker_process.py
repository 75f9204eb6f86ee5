"""The solver process: reads its input from standard input, writes progress and the result as lines to standard output.

Invariants: it connects to nothing. Killing it loses an unfinished plan and nothing else.
"""

import sys
from collections.abc import Callable
from time import monotonic

from wanderamt.kernel.line_text import AS_STORED

from scheduling.domain.plan_job import SOLVER_INPUT, SOLVER_RESULT, SolverInput, SolverResult
from scheduling.domain.plan_proposal import explain_visits, unserved_by_district
from scheduling.solver.coverage.search import CoverageLimits, plan_coverage
from scheduling.solver.crew_assignment import assign_crews, crew_days
from scheduling.solver.precompile import compile_coverage

REPORT_INTERVAL_S = 0.5


def solve(solver_input: SolverInput, report: Callable[[float, float, float], bool] = lambda *_: True) -> SolverResult:
    """Plans visits, assigns crews, explains. `report`: see `coverage.search.ReportProgress`."""
    problem = solver_input.problem
    limits = CoverageLimits(solver_input.seconds, solver_input.iterations, seed=solver_input.seed)
    plan = plan_coverage(problem, limits, report, solver_input.start)
    pinned = set(problem.pinned)
    new_visits = [visit for visit in plan.visits if visit not in pinned]
    assigned, unassigned = assign_crews(crew_days(problem, new_visits), solver_input.roster)
    days = [*(day.crew_day for day in assigned), *(day.crew_day for day in unassigned)]
    ordered = [visit for day in days for visit in day.visits]
    explanations = dict(zip(plan.visits, explain_visits(problem, plan.visits), strict=True))
    return SolverResult(
        assigned=assigned,
        unassigned=unassigned,
        explanations=[explanations[visit] for visit in ordered],
        unserved=unserved_by_district(problem, plan.visits, solver_input.cell_districts),
        objective=plan.objective,
        greedy_objective=plan.greedy_objective,
        bound=plan.bound,
        seconds=plan.seconds,
        iterations=plan.iterations,
        cancelled=plan.cancelled,
    )


def write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    compile_coverage()
    solver_input = SOLVER_INPUT.validate_json(sys.stdin.buffer.read(), context=AS_STORED)
    last = 0.0

    def report(progress: float, objective: float, bound: float) -> bool:
        nonlocal last
        if monotonic() - last > REPORT_INTERVAL_S:
            last = monotonic()
            write_line(f"progress {min(progress, 1.0):.4f} {objective:.4f} {bound:.4f}")
        return True

    result = solve(solver_input, report)
    write_line(f"result {SOLVER_RESULT.dump_json(result).decode()}")


if __name__ == "__main__":
    main()
