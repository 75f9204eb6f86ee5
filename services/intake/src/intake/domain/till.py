"""The till of a device: its float, its payments and refunds, and the officer's count at the end.

Invariants: a fee taken offline counts in its till whenever it arrives; a till with a difference closes only with a
reason; a refund is paid once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import PaymentMethod
from intake.domain.refusals import REFUND_PAID, TILL_CLOSED, receipts_missing, till_difference


@dataclass(frozen=True, slots=True)
class Till:
    """`float_cents`: the change it opened with. `closed_at`, `closed_by` and `counted_cents` are set together."""

    till_id: UUID
    stand_id: StandId
    device_id: DeviceId
    opened_by: str
    opened_at: datetime
    float_cents: int
    closed_by: str | None = None
    closed_at: datetime | None = None
    counted_cents: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """A receipt with its amount, negative for a refund. `till_id`: as the device reported it."""

    receipt: str
    case_id: CaseId
    stand_id: StandId
    device_id: DeviceId
    till_id: UUID | None
    officer: str
    method: PaymentMethod
    cents: int
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that the city owes to the citizen of a case. `receipt`: of the payment to the citizen."""

    refund_id: UUID
    case_id: CaseId
    stand_id: StandId
    cents: int
    reason: str
    owed_at: datetime
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class TillReport:
    """Amounts in cents. `difference`: None before the count. `late`: receipts that arrived after the closing."""

    receipts: int
    cash_in: int
    cash_out: int
    card_in: int
    card_out: int
    waived: int
    expected: int
    difference: int | None
    late: int


def reconcile(till: Till, payments: Iterable[Payment]) -> TillReport:
    """`payments`: of this till. Late ones count: their money was in the drawer during the count."""
    all_payments = list(payments)

    def total(method: PaymentMethod, sign: int) -> int:
        return sum(
            abs(payment.cents) for payment in all_payments if payment.method is method and payment.cents * sign > 0
        )

    cash_in, cash_out = total(PaymentMethod.CASH, 1), total(PaymentMethod.CASH, -1)
    expected = till.float_cents + cash_in - cash_out
    return TillReport(
        receipts=len(all_payments),
        cash_in=cash_in,
        cash_out=cash_out,
        card_in=total(PaymentMethod.CARD, 1),
        card_out=total(PaymentMethod.CARD, -1),
        waived=sum(payment.method is PaymentMethod.WAIVED for payment in all_payments),
        expected=expected,
        difference=None if till.counted_cents is None else till.counted_cents - expected,
        late=sum(till.closed_at is not None and payment.noted_at > till.closed_at for payment in all_payments),
    )


def close_till(
    till: Till, payments: Iterable[Payment], *, counted_cents: int, receipts: int, note: str, by: str, now: datetime
) -> Till | Refusal:
    """`receipts`: how many receipts the device issued for this till; refuses while some have not arrived.

    Idempotent for the same count.
    """
    if till.closed_at:
        return till if till.counted_cents == counted_cents else TILL_CLOSED
    closed = replace(till, closed_by=by, closed_at=now, counted_cents=counted_cents, note=note.strip())
    report = reconcile(closed, payments)
    if report.receipts < receipts:
        return receipts_missing(receipts - report.receipts)
    return till_difference(report.difference) if report.difference and not closed.note else closed


def pay_out(refund: Refund, *, receipt: str) -> Refund | Refusal:
    return REFUND_PAID if refund.receipt else replace(refund, receipt=receipt)
