"""Compares two plans: their stands, and the demand they serve in each district."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from scheduling.domain.plan_proposal import Explanation
from scheduling.domain.stand import StandDetails


@dataclass(frozen=True, slots=True)
class DistrictComparison:
    """Weighted demand that each plan serves in a district."""

    district: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class PlanComparison:
    """Two stands are the same if place and day are the same."""

    only_first: list[StandDetails]
    only_second: list[StandDetails]
    in_both: list[StandDetails]
    districts: list[DistrictComparison]


def compare(
    first: Sequence[StandDetails],
    first_explanations: Sequence[Explanation],
    second: Sequence[StandDetails],
    second_explanations: Sequence[Explanation],
) -> PlanComparison:
    """The explanations are those of the stands, in the same order."""
    first_keys, second_keys = ({_key(details) for details in plan} for plan in (first, second))
    by_first, by_second = _served(first, first_explanations), _served(second, second_explanations)
    rows = [
        DistrictComparison(name, by_first.get(name, 0.0), by_second.get(name, 0.0))
        for name in by_first.keys() | by_second.keys()
    ]
    return PlanComparison(
        only_first=[details for details in first if _key(details) not in second_keys],
        only_second=[details for details in second if _key(details) not in first_keys],
        in_both=[details for details in first if _key(details) in second_keys],
        districts=sorted(rows, key=lambda row: (-abs(row.first - row.second), row.district)),
    )


def _key(details: StandDetails) -> tuple[str, date]:
    return details.place, details.starts_at.date()


def _served(stands: Sequence[StandDetails], explanations: Sequence[Explanation]) -> dict[str, float]:
    served: dict[str, float] = {}
    for details, explanation in zip(stands, explanations, strict=False):
        served[details.district] = served.get(details.district, 0.0) + explanation.total_served
    return served
