"""What no plan can be worth: a linear relaxation in which days are gone, with cuts, and its dual taken as proof.

Variables are how often each type of visit is made over the whole horizon; a place at most once in `rest` days, all
visits of a class of days within what its crews and kits can do. Whatever a plan does, its counts keep that, so the
maximum is a bound. What is caught of an item is bounded from above twice:

 - with L the sum of -ln(1 - share) over its visits, 1 - exp(-L), by its tangents (outer approximation, Duran and
   Grossmann, 1986);
 - with P the sum of shares and p the largest share, by the line through the points (k p, 1 - (1 - p)^k): of all visits
   with the same P, those as large as can be catch most, since ln(1 - x) / x falls with x.

The second holds at whole visits alone and is what makes the bound tight: without it a relaxation makes fractions of
many visits, whose tangents promise more than any plan can catch.

Solved by an interior point without crossover, from the cuts at a good plan and a few rounds of more. The bound is not
the solver's value: it is recomputed from its dual prices with weak duality over the box of all variables, so that no
tolerance of the solver is trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import highspy
import numpy as np

from scheduling.solver.cover.arrays import Cover
from scheduling.solver.cover.kernel import Plan
from scheduling.solver.highs import quiet_model

INFINITE = highspy.kHighsInf
FEW = 20  # new cuts: fewer are not worth a round
WORTH = 0.05  # of an item's violation, in units of the objective


@dataclass
class Rows:
    """Rows of a linear program as they come: lower, upper, columns, values."""

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
    """Columns: n counts | U items' share caught | Q visits lacking | S x F reached at a place | U sums of shares."""

    def __init__(self, cover: Cover) -> None:
        self._cover = cover
        self._spots, self._features = len(cover.district), cover.wanted.shape[1]
        weight = cover.wanted.reshape(-1)
        near = np.zeros(len(cover.wanted), bool)
        near[cover.cell] = True
        self._items = np.nonzero(np.repeat(near, self._features) & (weight > 0))[0]
        self._weight = weight[self._items]
        types, items, lacking = len(cover.spot), len(self._items), len(cover.least)
        self._z, self._q = types, types + items
        self._r = self._q + lacking
        self._p = self._r + self._spots * self._features
        self._most = -(-len(cover.crews) // max(cover.rest, 1))
        self._hits()
        self._box()
        self._model = quiet_model()
        self._rows = Rows()
        self._sent = 0
        self._seen: set[tuple[int, int]] = set()
        self._structure()
        self.bound = float(weight.sum())

    def _hits(self) -> None:
        """Per item the types that catch some of it, with their shares."""
        cover, features = self._cover, self._features
        place = {int(item): at for at, item in enumerate(self._items)}
        rows: list[list[tuple[int, float]]] = [[] for _ in self._items]
        for spot in range(self._spots):
            kinds = range(cover.first[spot], cover.first[spot + 1])
            for at in range(cover.at[spot], cover.at[spot + 1]):
                for feature in range(features):
                    item = place.get(int(cover.cell[at]) * features + feature)
                    if item is not None:
                        shares = cover.close[at] * cover.reach[kinds.start : kinds.stop, feature]
                        rows[item] += [
                            (kind, share) for kind, share in zip(kinds, shares.tolist(), strict=True) if share > 0
                        ]
        self._types = [np.array([kind for kind, _ in row], np.int64) for row in rows]
        self._share = [np.array([share for _, share in row]) for row in rows]
        self._depth = [-np.log1p(-share) for share in self._share]
        self._largest = np.array([share.max(initial=1e-9) for share in self._share])

    def _box(self) -> None:
        cover, types, items = self._cover, len(self._cover.spot), len(self._items)
        days = np.array([int(word).bit_count() for word in cover.open.tolist()], float)
        counts = np.minimum(days, self._most)
        reached = np.zeros((self._spots, self._features))
        for kind in range(types):
            spot = cover.spot[kind]
            reached[spot] = np.maximum(reached[spot], cover.reach[kind] * self._most)
        sums = np.zeros(items)
        by_item = {int(item): at for at, item in enumerate(self._items)}
        for spot in range(self._spots):
            for at in range(cover.at[spot], cover.at[spot + 1]):
                for feature in range(self._features):
                    item = by_item.get(int(cover.cell[at]) * self._features + feature)
                    if item is not None:
                        sums[item] += cover.close[at] * reached[spot, feature]
        self._high = np.concatenate([counts, np.ones(items), cover.least.astype(float), reached.reshape(-1), sums])
        self._cost = np.zeros(len(self._high))
        self._cost[self._z : self._q] = self._weight
        self._cost[self._q : self._r] = -cover.shortfall

    def _structure(self) -> None:
        cover, rows, features = self._cover, self._rows, self._features
        for spot in range(self._spots):
            kinds = np.arange(cover.first[spot], cover.first[spot + 1])
            if not len(kinds):
                continue
            rows.add(-INFINITE, self._most, kinds, np.ones(len(kinds)))
            for feature in range(features):
                column = self._r + spot * features + feature
                rows.add(0, 0, np.append(kinds, column), np.append(cover.reach[kinds, feature], -1.0))
        self._capacity()
        for district, least in enumerate(cover.least.tolist()):
            kinds = np.nonzero(cover.district[cover.spot] == district)[0]
            if least > 0:
                rows.add(least, INFINITE, np.append(kinds, self._q + district), np.ones(len(kinds) + 1))
        near: list[list[tuple[int, float]]] = [[] for _ in range(len(cover.wanted))]
        for spot in range(self._spots):
            for at in range(cover.at[spot], cover.at[spot + 1]):
                near[cover.cell[at]].append((spot, float(cover.close[at])))
        for at, item in enumerate(self._items.tolist()):
            cell, feature = divmod(item, features)
            spots = np.array([spot for spot, _ in near[cell]], np.int64)
            close = np.array([how for _, how in near[cell]])
            columns = np.append(self._r + spots * features + feature, self._p + at)
            rows.add(0, 0, columns, np.append(close, -1.0))

    def _capacity(self) -> None:
        """Days of a class together: morning and evening visits need a crew each, afternoon visits too; kits alike."""
        cover = self._cover
        blocks = cover.blocks[cover.pattern]
        weekend = np.zeros(len(cover.crews), bool)
        for kind in range(len(cover.spot)):
            if cover.weekend[kind]:
                word = int(cover.open[kind])
                weekend |= np.array([bool(word >> day & 1) for day in range(len(weekend))])
        for days, kinds in ((weekend, cover.weekend == 1), (~weekend, cover.weekend == 0)):
            for those, room in ((kinds, cover.crews[days].sum()), (kinds & (cover.kit == 1), cover.kits[days].sum())):
                for load in (blocks[:, 0] + blocks[:, 2], blocks[:, 1]):
                    chosen = np.nonzero(those & (load > 0))[0]
                    self._rows.add(-INFINITE, float(room), chosen, load[chosen].astype(float))

    def seed(self, plan: Plan) -> None:
        """The cuts at a good plan, where the optimum is near."""
        counts = np.bincount(plan.type[: plan.size[0]], minlength=len(self._cover.spot)).astype(float)
        for item in range(len(self._items)):
            made = counts[self._types[item]]
            depth, total = float(self._depth[item] @ made), float(self._share[item] @ made)
            at = int(total / self._largest[item])
            for segment in {0, max(at - 1, 0), at, at + 1}:
                self._secant(item, segment)
            if self._weight[item] * (self._line(item, total) - (1 - np.exp(-depth))) > WORTH / 4:
                self._tangent(item, depth)

    def improve(self, known: Callable[[], float], until: float, told: Callable[[float], bool]) -> None:
        """Rounds of solving and cutting, until nothing is left to cut, `until` (perf_counter), or it is `known`."""
        while perf_counter() < until:
            self._send()
            self._model.setOptionValue("time_limit", self._model.getRunTime() + max(0.1, until - perf_counter()))
            self._model.run()
            solution = self._model.getSolution()
            if solution.dual_valid:
                self.bound = min(self.bound, self._proven(np.array(solution.row_dual)))
            if not told(self.bound) or self.bound <= known() * (1 + 1e-5):
                return
            if self._model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                return
            if self._cut(np.array(solution.col_value)) < FEW:
                return

    def _send(self) -> None:
        rows, new = self._rows, slice(self._sent, None)
        if not self._sent:
            self._model.setOptionValue("solver", "ipm")
            self._model.setOptionValue("run_crossover", "off")
            self._model.setOptionValue("presolve", "off")  # its way back breaks the dual prices without crossover
            none = np.zeros(0, np.int32)
            many = len(self._cost)
            zeros = np.zeros(many)
            self._model.addCols(many, self._cost, zeros, self._high, 0, np.zeros(many, np.int32), none, np.zeros(0))
        starts = np.cumsum([0, *map(len, rows.columns[new])])[:-1].astype(np.int32)
        index = np.concatenate(rows.columns[new]).astype(np.int32)
        values = np.concatenate(rows.values[new]).astype(float)
        lower, upper = np.array(rows.lower[new]), np.array(rows.upper[new])
        self._model.addRows(len(lower), lower, upper, len(index), starts, index, values)
        self._sent = len(rows.lower)

    def _proven(self, prices: np.ndarray) -> float:
        """Weak duality: for any prices y, max (c - A'y) x over the box plus y times the side that binds is a bound."""
        rows = self._rows
        lower, upper = np.array(rows.lower[: self._sent]), np.array(rows.upper[: self._sent])
        prices = np.where((prices > 0) & np.isinf(upper), 0.0, np.where((prices < 0) & np.isinf(lower), 0.0, prices))
        lengths = np.array([len(one) for one in rows.columns[: self._sent]])
        index = np.concatenate(rows.columns[: self._sent])
        weights = np.concatenate(rows.values[: self._sent]) * np.repeat(prices, lengths)
        reduced = self._cost - np.bincount(index, weights=weights, minlength=len(self._cost))
        sides = np.where(prices > 0, upper, np.where(prices < 0, lower, 0.0))
        return float(prices @ sides + np.maximum(reduced, 0.0) @ self._high)

    def _cut(self, found: np.ndarray) -> int:
        """Adds what the solution violates; how many."""
        before = len(self._rows.lower)
        for item in range(len(self._items)):
            caught, total = found[self._z + item], found[self._p + item]
            depth = float(self._depth[item] @ found[self._types[item]])
            if (caught - (1 - np.exp(-depth))) * self._weight[item] > WORTH:
                self._tangent(item, depth)
            if (caught - self._line(item, total)) * self._weight[item] > WORTH:
                self._secant(item, int(total / self._largest[item]))
        return len(self._rows.lower) - before

    def _line(self, item: int, total: float) -> float:
        """The line through the points of whole visits of the largest share, at a sum of shares."""
        largest = float(self._largest[item])
        at = int(total / largest)
        left = (1 - largest) ** at
        return 1 - left + (total - at * largest) * left

    def _secant(self, item: int, segment: int) -> None:
        if (item, segment) in self._seen:
            return
        self._seen.add((item, segment))
        largest = float(self._largest[item])
        slope = (1 - largest) ** segment
        side = 1 - slope - segment * largest * slope
        self._rows.add(-INFINITE, side, np.array([self._z + item, self._p + item]), np.array([1.0, -slope]))

    def _tangent(self, item: int, depth: float) -> None:
        slope = float(np.exp(-depth))
        columns = np.append(self._types[item], self._z + item)
        self._rows.add(-INFINITE, 1 - slope - depth * slope, columns, np.append(-slope * self._depth[item], 1.0))
