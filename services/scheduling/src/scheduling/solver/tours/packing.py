"""The best choice among all tours that were seen, each site once: set packing, by HiGHS.

A relaxation first; its prices say which tours can be part of anything better than what is known, and only those are
decided on. The prices are also where the search for a bound starts.
"""

from dataclasses import dataclass

import highspy
import numpy as np

from scheduling.solver.highs import quiet_model, whole
from scheduling.solver.tours.kernel import Pool

COLUMNS = 4_000  # of the whole-number problem
NODES = 3_000


@dataclass(frozen=True, slots=True)
class Packed:
    """`chosen`: places in the pool; empty where nothing better was found. `prices` [n]: what a site is worth."""

    chosen: np.ndarray
    prices: np.ndarray


def pack(pool: Pool, fleet: np.ndarray, *, sites: int, known: float, seconds: float) -> Packed:
    """`fleet` [kinds]: how many tours of each kind there are. `known`: the score to be better than."""
    size = int(pool.size[0])
    every = np.arange(size)
    relaxed = _model(pool, fleet, every, sites)
    relaxed.setOptionValue("time_limit", seconds)
    relaxed.run()
    solution = relaxed.getSolution()
    prices = np.maximum(np.array(solution.row_dual[:sites]), 0.0)
    room = relaxed.getInfo().objective_function_value - known
    reduced = np.array(solution.col_dual)
    hopeful = every[reduced >= -room - 1e-6] if room > 1e-6 else every[:0]
    if not len(hopeful):
        return Packed(every[:0], prices)
    hopeful = hopeful[np.argsort(-reduced[hopeful], kind="stable")[:COLUMNS]]
    model = _model(pool, fleet, hopeful, sites)
    whole(model, len(hopeful))
    model.setOptionValue("time_limit", seconds)
    model.setOptionValue("mip_max_nodes", NODES)
    model.run()
    found = model.getSolution().col_value
    if len(found) != len(hopeful) or not model.getSolution().value_valid:
        return Packed(every[:0], prices)
    chosen = hopeful[np.array(found) > 0.5]
    return Packed(chosen if pool.score[chosen].sum() > known + 1e-9 else every[:0], prices)


def _model(pool: Pool, fleet: np.ndarray, columns: np.ndarray, sites: int) -> highspy.Highs:
    model = quiet_model()
    upper = np.concatenate([np.ones(sites), fleet.astype(float)])
    none, first = np.zeros(0, np.int32), np.zeros(len(upper), np.int32)
    model.addRows(len(upper), np.full(len(upper), -highspy.kHighsInf), upper, 0, first, none, np.zeros(0))
    rows = [np.append(np.sort(pool.order[one, : pool.stops[one]]), sites + pool.kind[one]) for one in columns]
    starts = np.cumsum([0, *map(len, rows)])[:-1].astype(np.int32)
    index = np.concatenate(rows).astype(np.int32)
    many = len(columns)
    model.addCols(
        many, pool.score[columns], np.zeros(many), np.ones(many), len(index), starts, index, np.ones(len(index))
    )
    model.setOptionValue("solver", "simplex")
    return model
