"""The solver's process: an order on its standard input, progress and the plan as lines on its standard output.

Kept true: it has no connection to anything; whoever kills it loses a plan that was not ready, and nothing else.
"""

import sys
from collections.abc import Callable
from time import monotonic

from scheduling.domain.planmaking import MADE, ORDER, Made, Order
from scheduling.domain.proposal import explain, left_out
from scheduling.solver.cover.search import Limits, plan_cover
from scheduling.solver.naming import crew_days, name
from scheduling.solver.warm import compile_cover

TELL_EVERY_S = 0.5


def make(order: Order, told: Callable[[float, float, float], bool] = lambda *_: True) -> Made:
    """Plans, names, explains."""
    limits = Limits(order.seconds, order.iterations, seed=order.seed)
    found = plan_cover(order.problem, limits, told, order.start)
    pinned = set(order.problem.pinned)
    free = [one for one in found.visits if one not in pinned]
    named, unnamed = name(crew_days(order.problem, free), order.roster)
    days = [*(one.crew_day for one in named), *(one.crew_day for one in unnamed)]
    ordered = [visit for day in days for visit in day.visits]
    reasons = dict(zip(found.visits, explain(order.problem, found.visits), strict=True))
    return Made(
        named=named,
        unnamed=unnamed,
        why=[reasons[visit] for visit in ordered],
        left_out=left_out(order.problem, found.visits, order.districts),
        worth=found.worth,
        greedy=found.greedy,
        bound=found.bound,
        seconds=found.seconds,
        iterations=found.iterations,
        cancelled=found.cancelled,
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    compile_cover()
    order = ORDER.validate_json(sys.stdin.buffer.read())
    last = 0.0

    def told(share: float, worth: float, bound: float) -> bool:
        nonlocal last
        if monotonic() - last > TELL_EVERY_S:
            last = monotonic()
            say(f"progress {min(share, 1.0):.4f} {worth:.4f} {bound:.4f}")
        return True

    made = make(order, told)
    say(f"made {MADE.dump_json(made).decode()}")


if __name__ == "__main__":
    main()
