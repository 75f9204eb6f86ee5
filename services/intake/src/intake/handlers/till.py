"""The fee desk: tills opened and counted, money paid back."""

from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain import till as tills
from intake.domain.numbers import Series
from intake.domain.process.happening import Payment
from intake.domain.refusals import NO_REFUND, NO_TILL, NOT_ENROLLED, REFUND_NOT_WAIVED, TILL_OPEN
from intake.domain.till import Movement, Reckoning, Refund, Till, reckon
from intake.handlers.numbers import use_number
from intake.store import devices, money


async def open_till(
    till_id: UUID, work: Work, *, float_cents: int, officer: str, device_id: DeviceId, stand_id: StandId
) -> tuple[Till, Reckoning] | Refusal:
    """The same `till_id` again finds it as it is: a lost answer opens no second one."""
    if not await devices.device_enrolled(work, device_id):
        return NOT_ENROLLED
    till = Till(till_id, stand_id, device_id, officer, work.now, float_cents)
    if not await money.add_till(work, till):
        known = await money.lock_till(work, till_id)
        if not known or known.device_id != device_id:
            return TILL_OPEN
        till = known
    return till, reckon(till, await money.movements_of(work, till))


async def close_till(
    till_id: UUID, work: Work, *, counted_cents: int, receipts: int, note: str, officer: str, device_id: DeviceId
) -> tuple[Till, Reckoning] | Refusal:
    till = await money.lock_till(work, till_id)
    if not till or till.device_id != device_id:
        return NO_TILL
    movements = await money.movements_of(work, till)
    closed = tills.close_till(
        till, movements, counted_cents=counted_cents, receipts=receipts, note=note, by=officer, now=work.now
    )
    if isinstance(closed, Refusal):
        return closed
    await money.close_till(work, closed)
    return closed, reckon(closed, movements)


async def show_tills(stand_id: StandId, work: Work) -> list[tuple[Till, Reckoning]]:
    moved = await money.movements_at_stand(work, stand_id)
    return [(till, reckon(till, moved[till.id])) for till in await money.tills_of_stand(work, stand_id)]


async def pay_out(
    refund_id: UUID,
    work: Work,
    *,
    payment: Payment,
    receipt: str,
    till_id: UUID | None,
    officer: str,
    device_id: DeviceId,
    stand_id: StandId,
) -> Refund | Refusal:
    """With a receipt of a block of the device. The same order again is harmless."""
    refund = await money.lock_refund(work, refund_id)
    if not refund:
        return NO_REFUND
    if refund.receipt == receipt:
        return refund
    paid = tills.pay_out(refund, receipt=receipt) if payment is not Payment.WAIVED else REFUND_NOT_WAIVED
    if isinstance(paid, Refusal):
        return paid
    if refusal := await use_number(receipt, work, series=Series.RECEIPT, device_id=device_id):
        return refusal
    await money.pay_refund(work, paid)
    movement = Movement(
        receipt, refund.case_id, stand_id, device_id, till_id, officer, payment, -refund.cents, work.now
    )
    await money.add_movement(work, movement)
    return paid
