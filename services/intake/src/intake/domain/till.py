"""The till of a device: what it holds when the stand opens, what came and went, what the officer counts at the end.

Kept true: a fee taken without network counts in its till whenever it arrives; a difference is closed with a reason or
not at all; money that is owed back is paid out once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.process.happening import Payment
from intake.domain.refusals import REFUND_PAID, TILL_CLOSED, receipts_missing, till_difference


@dataclass(frozen=True, slots=True)
class Till:
    """`float_cents`: the change it was opened with. `closed_at`, `closed_by` and `counted_cents` come together."""

    id: UUID
    stand_id: StandId
    device_id: DeviceId
    opened_by: str
    opened_at: datetime
    float_cents: int
    closed_by: str | None = None
    closed_at: datetime | None = None
    counted_cents: int | None = None
    note: str = ""


class Movement(NamedTuple):
    """A receipt and the money it stands for: negative when it was paid out. `till_id` is what the device named."""

    receipt: str
    case_id: CaseId
    stand_id: StandId
    device_id: DeviceId
    till_id: UUID | None
    officer: str
    payment: Payment
    cents: int
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """Money owed to the citizen of a case that was taken back. `receipt`: of the paying out."""

    id: UUID
    case_id: CaseId
    stand_id: StandId
    cents: int
    reason: str
    owed_at: datetime
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """In cents. `difference` is None until somebody has counted; `late`: receipts that arrived after that."""

    receipts: int
    cash_in: int
    cash_out: int
    card_in: int
    card_out: int
    waived: int
    expected: int
    difference: int | None
    late: int


def reckon(till: Till, movements: Iterable[Movement]) -> Reckoning:
    """`movements`: those of this till. Late ones count: their money lay in the drawer when it was counted."""
    moved = list(movements)

    def total(payment: Payment, sign: int) -> int:
        return sum(abs(one.cents) for one in moved if one.payment is payment and one.cents * sign > 0)

    cash_in, cash_out = total(Payment.CASH, 1), total(Payment.CASH, -1)
    expected = till.float_cents + cash_in - cash_out
    return Reckoning(
        receipts=len(moved),
        cash_in=cash_in,
        cash_out=cash_out,
        card_in=total(Payment.CARD, 1),
        card_out=total(Payment.CARD, -1),
        waived=sum(one.payment is Payment.WAIVED for one in moved),
        expected=expected,
        difference=None if till.counted_cents is None else till.counted_cents - expected,
        late=sum(till.closed_at is not None and one.noted_at > till.closed_at for one in moved),
    )


def close_till(
    till: Till, movements: Iterable[Movement], *, counted_cents: int, receipts: int, note: str, by: str, now: datetime
) -> Till | Refusal:
    """`receipts`: how many the device has given under this till; what is still on the device is sent first.

    The same order again finds it closed as it was.
    """
    if till.closed_at:
        return till if till.counted_cents == counted_cents else TILL_CLOSED
    closed = replace(till, closed_by=by, closed_at=now, counted_cents=counted_cents, note=note.strip())
    found = reckon(closed, movements)
    if found.receipts < receipts:
        return receipts_missing(receipts - found.receipts)
    return till_difference(found.difference) if found.difference and not closed.note else closed


def pay_out(refund: Refund, *, receipt: str) -> Refund | Refusal:
    return REFUND_PAID if refund.receipt else replace(refund, receipt=receipt)
