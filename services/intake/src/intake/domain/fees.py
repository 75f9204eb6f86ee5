"""The bill of a case: the fees of its edition that apply, with the amounts of its application day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.condition import MissingFact, evaluate
from intake.domain.catalogue.service_definition import Edition, Fee
from intake.domain.catalogue.types import APPLICATION_DAY, FactValue
from intake.domain.refusals import fee_fact_missing


@dataclass(frozen=True, slots=True)
class Bill:
    """Amounts are whole cents; nothing is rounded."""

    lines: tuple[Fee, ...]

    @property
    def total_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines)


def price(edition: Edition, facts: Mapping[str, FactValue]) -> Bill | Refusal:
    """`facts`: the answers of the case, `application_day`, and `age_years` if it is known.

    Refuses while a fact is missing on which an amount depends: intake never guesses a fee.
    """
    day = facts.get(APPLICATION_DAY)
    if not isinstance(day, date):
        return fee_fact_missing(APPLICATION_DAY)
    lines = []
    for fee in edition.fees:
        if not fee.in_force(day):
            continue
        applies = evaluate(fee.when, facts)
        if isinstance(applies, MissingFact):
            return fee_fact_missing(applies.fact)
        if applies:
            lines.append(fee)
    return Bill(tuple(lines))
