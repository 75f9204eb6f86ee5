"""The bill of a case: the fees of its edition that apply, with the amounts of its application day."""

from dataclasses import dataclass
from datetime import date

from service_catalogue.conditions import MissingFact, evaluate
from service_catalogue.references import NotKnown, Values, resolve
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.service_definition import Edition, Fee
from intake.domain.refusals import fee_fact_missing


@dataclass(frozen=True, slots=True)
class BillLine:
    fee: Fee
    quantity: int = 1

    @property
    def cents(self) -> int:
        return self.fee.amount_cents * self.quantity


@dataclass(frozen=True, slots=True)
class Bill:
    """Amounts are whole cents; nothing is rounded."""

    lines: tuple[BillLine, ...]

    @property
    def total_cents(self) -> int:
        return sum(line.cents for line in self.lines)


def price(edition: Edition, values: Values, day: date) -> Bill | Refusal:
    """`day`: of the application. Refuses while a fact is missing on which an amount depends: nobody guesses a fee."""
    lines = []
    for fee in edition.fees:
        if not fee.in_force(day):
            continue
        applies = evaluate(fee.when, values)
        if isinstance(applies, MissingFact):
            return fee_fact_missing(applies.fact)
        quantity = resolve(values, fee.per) if fee.per and applies else 1
        if isinstance(quantity, NotKnown):
            return fee_fact_missing(fee.per or "")
        if applies and isinstance(quantity, int) and quantity > 0:
            lines.append(BillLine(fee, quantity))
    return Bill(tuple(lines))
