"""What if: two plans side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from scheduling.domain.proposal import Why
from scheduling.domain.stand import Plan


@dataclass(frozen=True, slots=True)
class Row:
    """Weighted wishes that each plan serves in a district."""

    district: str
    one: float
    other: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A stand is the same where place and day are."""

    only_one: list[Plan]
    only_other: list[Plan]
    both: list[Plan]
    districts: list[Row]


def compare(one: Sequence[Plan], whys: Sequence[Why], other: Sequence[Plan], other_whys: Sequence[Why]) -> Difference:
    """`whys`: of the stands of each, in their order."""
    mine, theirs = ({_key(plan) for plan in those} for those in (one, other))
    first, second = _served(one, whys), _served(other, other_whys)
    rows = [Row(name, first.get(name, 0.0), second.get(name, 0.0)) for name in first.keys() | second.keys()]
    return Difference(
        only_one=[plan for plan in one if _key(plan) not in theirs],
        only_other=[plan for plan in other if _key(plan) not in mine],
        both=[plan for plan in one if _key(plan) in theirs],
        districts=sorted(rows, key=lambda row: (-abs(row.one - row.other), row.district)),
    )


def _key(plan: Plan) -> tuple[str, date]:
    return plan.place, plan.starts_at.date()


def _served(plans: Sequence[Plan], whys: Sequence[Why]) -> dict[str, float]:
    found: dict[str, float] = {}
    for plan, why in zip(plans, whys, strict=False):
        found[plan.district] = found.get(plan.district, 0.0) + why.total
    return found
