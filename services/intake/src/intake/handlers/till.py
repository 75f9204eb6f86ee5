"""Tills of a stand, opened and counted, and the paying out of refunds."""

from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.policy import NOT_ENROLLED

from intake.domain import till as till_rules
from intake.domain.case.case_events import PaymentMethod
from intake.domain.numbers import NumberSeries
from intake.domain.refusals import NO_REFUND, NO_TILL, REFUND_NOT_WAIVED, REFUND_PAID, TILL_OPEN
from intake.domain.till import Payment, Refund, Till, TillReport, reconcile
from intake.handlers.numbers import use_number
from intake.store import device_statements, payment_statements, tills


async def open_till(
    till_id: UUID, uow: UnitOfWork, *, float_cents: int, officer: str, device_id: DeviceId, stand_id: StandId
) -> tuple[Till, TillReport] | Refusal:
    """The same `till_id` again finds the till as it is: a lost answer opens no second till."""
    if not await device_statements.device_enrolled(uow, device_id):
        return NOT_ENROLLED
    till = Till(till_id, stand_id, device_id, officer, uow.now, float_cents)
    if not await tills.add_till(uow, till):
        known = await tills.lock_till(uow, till_id)
        if not known:
            return TILL_OPEN
        first, now = (known.device_id, known.float_cents), (device_id, float_cents)
        opened = repeated(known, first=first, now=now)
        if isinstance(opened, Refusal):
            return opened
        till = opened
    return till, reconcile(till, await tills.payments_of_till(uow, till))


async def close_till(
    till_id: UUID, uow: UnitOfWork, *, counted_cents: int, receipts: int, note: str, officer: str, device_id: DeviceId
) -> tuple[Till, TillReport] | Refusal:
    till = await tills.lock_till(uow, till_id)
    if not till or till.device_id != device_id:
        return NO_TILL
    till_payments = await tills.payments_of_till(uow, till)
    closed = till_rules.close_till(
        till, till_payments, counted_cents=counted_cents, receipts=receipts, note=note, by=officer, now=uow.now
    )
    if isinstance(closed, Refusal):
        return closed
    await tills.close_till(uow, closed)
    return closed, reconcile(closed, till_payments)


async def show_tills(stand_id: StandId, uow: UnitOfWork) -> list[tuple[Till, TillReport]]:
    by_till = await tills.payments_at_stand(uow, stand_id)
    return [(till, reconcile(till, by_till[till.till_id])) for till in await tills.tills_of_stand(uow, stand_id)]


async def pay_out(
    refund_id: UUID,
    uow: UnitOfWork,
    *,
    payment: PaymentMethod,
    receipt: str,
    till_id: UUID | None,
    officer: str,
    device_id: DeviceId,
    stand_id: StandId,
) -> Refund | Refusal:
    """`receipt`: a number from a block of the device. The same request from the same device again is harmless."""
    refund = await tills.lock_refund(uow, refund_id)
    if not refund:
        return NO_REFUND
    if refund.receipt == receipt:
        first = await tills.find_payment(uow, receipt)
        now = device_id, refund.case_id, till_id, payment
        before = (first.device_id, first.case_id, first.till_id, first.method) if first else ()
        return repeated(refund, first=before, now=now, taken=REFUND_PAID)
    paid = till_rules.pay_out(refund, receipt=receipt) if payment is not PaymentMethod.WAIVED else REFUND_NOT_WAIVED
    if isinstance(paid, Refusal):
        return paid
    if refusal := await use_number(receipt, uow, series=NumberSeries.RECEIPT, device_id=device_id):
        return refusal
    till = await tills.lock_till(uow, till_id) if till_id else None
    if till and till.device_id != device_id:
        return NO_TILL
    await tills.pay_refund(uow, paid)
    paid_out = Payment(receipt, refund.case_id, stand_id, device_id, till_id, officer, payment, -refund.cents, uow.now)
    await payment_statements.insert_payment(uow, paid_out)
    return paid
