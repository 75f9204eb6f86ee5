"""An upper bound of the objective: a linear relaxation without days, with cuts; its dual solution is the proof.

The variables count how often each visit type is used over the whole horizon: a site at most once in `rest_days` days,
and all visits of a class of days within the capacity of its crews and kits. The counts of every plan satisfy these
rows, so the maximum is a bound. Two families of cuts bound the captured share of an item from above:

 - with L the sum of -ln(1 - share) over its visits: the tangents of 1 - exp(-L) (outer approximation, Duran and
   Grossmann, 1986);
 - with P the sum of shares and p the largest share: the secants through the points (k p, 1 - (1 - p)^k). Of all visits
   with the same P, the largest ones capture most, since ln(1 - x) / x falls with x.

The secants use that visits are integers, which makes the bound tight: without them the relaxation uses fractions of
many visits, whose tangents promise more than any plan can capture.

An interior point method without crossover solves the relaxation, first with the cuts at a good plan, then with a few
rounds of further cuts. The bound is not the value of the solver: weak duality over the box of all variables recomputes
it from the dual prices, so it does not depend on any tolerance of the solver.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import highspy
import numpy as np

from scheduling.solver.coverage.arrays import CoverageArrays
from scheduling.solver.coverage.kernel import CoveragePlan
from scheduling.solver.highs import new_model

INFINITE = highspy.kHighsInf
MIN_CUTS = 20  # fewer new cuts end the rounds
MIN_VIOLATION = 0.05  # of a cut, in units of the objective


@dataclass
class ConstraintRows:
    """Rows of a linear program: lower and upper side, columns, values."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    columns: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def add(self, lower: float, upper: float, columns: np.ndarray, values: np.ndarray) -> None:
        self.lower.append(lower)
        self.upper.append(upper)
        self.columns.append(columns)
        self.values.append(values)


class Relaxation:
    """Columns: n counts of types | U captured shares | Q missing visits | S x G sums at a site | U sums of shares."""

    def __init__(self, cover: CoverageArrays) -> None:
        self._cover = cover
        self._sites, self._groups = len(cover.district), cover.demand.shape[1]
        weight = cover.demand.reshape(-1)
        near = np.zeros(len(cover.demand), bool)
        near[cover.cells] = True
        self._items = np.nonzero(np.repeat(near, self._groups) & (weight > 0))[0]
        self._weight = weight[self._items]
        types, items, lacking = len(cover.site), len(self._items), len(cover.min_visits)
        self._z, self._q = types, types + items
        self._r = self._q + lacking
        self._p = self._r + self._sites * self._groups
        self._max_visits = -(-len(cover.crews) // max(cover.rest_days, 1))
        self._collect_shares()
        self._set_bounds()
        self._model = new_model()
        self._rows = ConstraintRows()
        self._sent = 0
        self._secants: set[tuple[int, int]] = set()
        self._add_structure()
        self.bound = float(weight.sum())

    def _collect_shares(self) -> None:
        """Per item: the types that capture some of it, with their shares."""
        cover, groups = self._cover, self._groups
        position = {int(item): index for index, item in enumerate(self._items)}
        rows: list[list[tuple[int, float]]] = [[] for _ in self._items]
        for site in range(self._sites):
            kinds = range(cover.type_start[site], cover.type_start[site + 1])
            for at in range(cover.cell_start[site], cover.cell_start[site + 1]):
                for group in range(groups):
                    item = position.get(int(cover.cells[at]) * groups + group)
                    if item is not None:
                        shares = cover.decay[at] * cover.catchment[kinds.start : kinds.stop, group]
                        rows[item] += [
                            (kind, share) for kind, share in zip(kinds, shares.tolist(), strict=True) if share > 0
                        ]
        self._types = [np.array([kind for kind, _ in row], np.int64) for row in rows]
        self._share = [np.array([share for _, share in row]) for row in rows]
        self._depth = [-np.log1p(-share) for share in self._share]
        self._largest = np.array([share.max(initial=1e-9) for share in self._share])

    def _set_bounds(self) -> None:
        cover, types, items = self._cover, len(self._cover.site), len(self._items)
        days = np.array([int(word).bit_count() for word in cover.open_days.tolist()], float)
        counts = np.minimum(days, self._max_visits)
        reached = np.zeros((self._sites, self._groups))
        for kind in range(types):
            site = cover.site[kind]
            reached[site] = np.maximum(reached[site], cover.catchment[kind] * self._max_visits)
        sums = np.zeros(items)
        position = {int(item): index for index, item in enumerate(self._items)}
        for site in range(self._sites):
            for at in range(cover.cell_start[site], cover.cell_start[site + 1]):
                for group in range(self._groups):
                    item = position.get(int(cover.cells[at]) * self._groups + group)
                    if item is not None:
                        sums[item] += cover.decay[at] * reached[site, group]
        self._upper = np.concatenate(
            [counts, np.ones(items), cover.min_visits.astype(float), reached.reshape(-1), sums]
        )
        self._cost = np.zeros(len(self._upper))
        self._cost[self._z : self._q] = self._weight
        self._cost[self._q : self._r] = -cover.shortfall_penalty

    def _add_structure(self) -> None:
        cover, rows, groups = self._cover, self._rows, self._groups
        for site in range(self._sites):
            kinds = np.arange(cover.type_start[site], cover.type_start[site + 1])
            if not len(kinds):
                continue
            rows.add(-INFINITE, self._max_visits, kinds, np.ones(len(kinds)))
            for group in range(groups):
                column = self._r + site * groups + group
                rows.add(0, 0, np.append(kinds, column), np.append(cover.catchment[kinds, group], -1.0))
        self._add_capacity()
        for district, min_visits in enumerate(cover.min_visits.tolist()):
            kinds = np.nonzero(cover.district[cover.site] == district)[0]
            if min_visits > 0:
                rows.add(min_visits, INFINITE, np.append(kinds, self._q + district), np.ones(len(kinds) + 1))
        near: list[list[tuple[int, float]]] = [[] for _ in range(len(cover.demand))]
        for site in range(self._sites):
            for at in range(cover.cell_start[site], cover.cell_start[site + 1]):
                near[cover.cells[at]].append((site, float(cover.decay[at])))
        for at, item in enumerate(self._items.tolist()):
            cell, group = divmod(item, groups)
            sites = np.array([site for site, _ in near[cell]], np.int64)
            decay = np.array([decline for _, decline in near[cell]])
            columns = np.append(self._r + sites * groups + group, self._p + at)
            rows.add(0, 0, columns, np.append(decay, -1.0))

    def _add_capacity(self) -> None:
        """Crews and kits of all days of a class: morning and evening visits need one each, so do afternoon visits."""
        cover = self._cover
        blocks = cover.blocks[cover.pattern]
        weekend = np.zeros(len(cover.crews), bool)
        for kind in range(len(cover.site)):
            if cover.weekend[kind]:
                word = int(cover.open_days[kind])
                weekend |= np.array([bool(word >> day & 1) for day in range(len(weekend))])
        for days, kinds in ((weekend, cover.weekend == 1), (~weekend, cover.weekend == 0)):
            for users, capacity in (
                (kinds, cover.crews[days].sum()),
                (kinds & (cover.kit == 1), cover.kits[days].sum()),
            ):
                for load in (blocks[:, 0] + blocks[:, 2], blocks[:, 1]):
                    chosen = np.nonzero(users & (load > 0))[0]
                    self._rows.add(-INFINITE, float(capacity), chosen, load[chosen].astype(float))

    def add_initial_cuts(self, plan: CoveragePlan) -> None:
        """Adds the cuts at a good plan, which is near the optimum."""
        counts = np.bincount(plan.type[: plan.size[0]], minlength=len(self._cover.site)).astype(float)
        for item in range(len(self._items)):
            visits = counts[self._types[item]]
            depth, total = float(self._depth[item] @ visits), float(self._share[item] @ visits)
            at = int(total / self._largest[item])
            for segment in {0, max(at - 1, 0), at, at + 1}:
                self._add_secant(item, segment)
            if self._weight[item] * (self._secant_value(item, total) - (1 - np.exp(-depth))) > MIN_VIOLATION / 4:
                self._add_tangent(item, depth)

    def tighten(self, best_known: Callable[[], float], until: float, report: Callable[[float], bool]) -> None:
        """Solves and cuts in rounds.

        Ends without enough new cuts, at `until` (perf_counter), when `report` returns False, or when the bound reaches
        the best known objective.
        """
        while perf_counter() < until:
            self._send_rows()
            self._model.setOptionValue("time_limit", self._model.getRunTime() + max(0.1, until - perf_counter()))
            self._model.run()
            solution = self._model.getSolution()
            if solution.dual_valid:
                self.bound = min(self.bound, self._dual_bound(np.array(solution.row_dual)))
            if not report(self.bound) or self.bound <= best_known() * (1 + 1e-5):
                return
            if self._model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                return
            if self._add_cuts(np.array(solution.col_value)) < MIN_CUTS:
                return

    def _send_rows(self) -> None:
        rows, new = self._rows, slice(self._sent, None)
        if not self._sent:
            self._model.setOptionValue("solver", "ipm")
            self._model.setOptionValue("run_crossover", "off")
            self._model.setOptionValue("presolve", "off")  # without crossover its postsolve breaks the dual prices
            none = np.zeros(0, np.int32)
            columns = len(self._cost)
            zeros, starts = np.zeros(columns), np.zeros(columns, np.int32)
            self._model.addCols(columns, self._cost, zeros, self._upper, 0, starts, none, np.zeros(0))
        starts = np.cumsum([0, *map(len, rows.columns[new])])[:-1].astype(np.int32)
        index = np.concatenate(rows.columns[new]).astype(np.int32)
        values = np.concatenate(rows.values[new]).astype(float)
        lower, upper = np.array(rows.lower[new]), np.array(rows.upper[new])
        self._model.addRows(len(lower), lower, upper, len(index), starts, index, values)
        self._sent = len(rows.lower)

    def _dual_bound(self, prices: np.ndarray) -> float:
        """Weak duality: for any prices y, max (c - A'y) x over the box plus y times the binding side is a bound."""
        rows = self._rows
        lower, upper = np.array(rows.lower[: self._sent]), np.array(rows.upper[: self._sent])
        prices = np.where((prices > 0) & np.isinf(upper), 0.0, np.where((prices < 0) & np.isinf(lower), 0.0, prices))
        lengths = np.array([len(columns) for columns in rows.columns[: self._sent]])
        index = np.concatenate(rows.columns[: self._sent])
        weights = np.concatenate(rows.values[: self._sent]) * np.repeat(prices, lengths)
        reduced = self._cost - np.bincount(index, weights=weights, minlength=len(self._cost))
        sides = np.where(prices > 0, upper, np.where(prices < 0, lower, 0.0))
        return float(prices @ sides + np.maximum(reduced, 0.0) @ self._upper)

    def _add_cuts(self, solution: np.ndarray) -> int:
        """Adds the cuts that the solution violates. Returns their number."""
        before = len(self._rows.lower)
        for item in range(len(self._items)):
            captured, total = solution[self._z + item], solution[self._p + item]
            depth = float(self._depth[item] @ solution[self._types[item]])
            if (captured - (1 - np.exp(-depth))) * self._weight[item] > MIN_VIOLATION:
                self._add_tangent(item, depth)
            if (captured - self._secant_value(item, total)) * self._weight[item] > MIN_VIOLATION:
                self._add_secant(item, int(total / self._largest[item]))
        return len(self._rows.lower) - before

    def _secant_value(self, item: int, total: float) -> float:
        """The secant through the points of integer counts of visits with the largest share, at a sum of shares."""
        largest = float(self._largest[item])
        at = int(total / largest)
        left = (1 - largest) ** at
        return 1 - left + (total - at * largest) * left

    def _add_secant(self, item: int, segment: int) -> None:
        if (item, segment) in self._secants:
            return
        self._secants.add((item, segment))
        largest = float(self._largest[item])
        slope = (1 - largest) ** segment
        side = 1 - slope - segment * largest * slope
        self._rows.add(-INFINITE, side, np.array([self._z + item, self._p + item]), np.array([1.0, -slope]))

    def _add_tangent(self, item: int, depth: float) -> None:
        slope = float(np.exp(-depth))
        columns = np.append(self._types[item], self._z + item)
        self._rows.add(-INFINITE, 1 - slope - depth * slope, columns, np.append(-slope * self._depth[item], 1.0))
