"""The best choice among all tours of the pool, each site at most once: a set-packing problem, solved by HiGHS.

The reduced costs of the linear relaxation show which tours can be part of a better solution than the known one; the
integer program contains only those. The dual prices are also the start of the Lagrangian bound.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from scheduling.solver.highs import new_model, require_integers
from scheduling.solver.tours.kernel import Pool

MAX_COLUMNS = 4_000  # of the integer program
MAX_NODES = 3_000


@dataclass(frozen=True, slots=True)
class PackedTours:
    """`chosen`: indexes into the pool; empty without a better solution. `prices` [n]: dual price of each site."""

    chosen: np.ndarray
    prices: np.ndarray


def solve_set_packing(pool: Pool, fleet: np.ndarray, *, sites: int, known: float, seconds: float) -> PackedTours:
    """`fleet` [kinds]: number of tours of each kind. `known`: the score to beat."""
    size = int(pool.size[0])
    every = np.arange(size)
    relaxed = _model(pool, fleet, every, sites)
    relaxed.setOptionValue("time_limit", seconds)
    relaxed.run()
    solution = relaxed.getSolution()
    prices = np.maximum(np.array(solution.row_dual[:sites]), 0.0)
    gap = relaxed.getInfo().objective_function_value - known
    reduced = np.array(solution.col_dual)
    promising = every[reduced >= -gap - 1e-6] if gap > 1e-6 else every[:0]
    if not len(promising):
        return PackedTours(every[:0], prices)
    promising = promising[np.argsort(-reduced[promising], kind="stable")[:MAX_COLUMNS]]
    model = _model(pool, fleet, promising, sites)
    require_integers(model, len(promising))
    model.setOptionValue("time_limit", seconds)
    model.setOptionValue("mip_max_nodes", MAX_NODES)
    model.run()
    values = model.getSolution().col_value
    if len(values) != len(promising) or not model.getSolution().value_valid:
        return PackedTours(every[:0], prices)
    chosen = promising[np.array(values) > 0.5]
    return PackedTours(chosen if pool.score[chosen].sum() > known + 1e-9 else every[:0], prices)


def _model(pool: Pool, fleet: np.ndarray, columns: np.ndarray, sites: int) -> highspy.Highs:
    model = new_model()
    upper = np.concatenate([np.ones(sites), fleet.astype(float)])
    none, first = np.zeros(0, np.int32), np.zeros(len(upper), np.int32)
    model.addRows(len(upper), np.full(len(upper), -highspy.kHighsInf), upper, 0, first, none, np.zeros(0))
    rows = [np.append(np.sort(pool.order[tour, : pool.stops[tour]]), sites + pool.kind[tour]) for tour in columns]
    starts = np.cumsum([0, *map(len, rows)])[:-1].astype(np.int32)
    index = np.concatenate(rows).astype(np.int32)
    count = len(columns)
    model.addCols(
        count, pool.score[columns], np.zeros(count), np.ones(count), len(index), starts, index, np.ones(len(index))
    )
    model.setOptionValue("solver", "simplex")
    return model
