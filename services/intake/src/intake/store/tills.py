"""Tills with their payments, and the paying out of refunds."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import and_, col, select, update
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from intake.domain.till import Payment, Refund, Till
from intake.tables import PaymentRow, RefundRow, TillRow


async def payments_of_till(uow: UnitOfWork, till: Till) -> list[Payment]:
    """Payments and refunds that its device recorded for the till."""
    of_till = select(PaymentRow).where(PaymentRow.till_id == till.till_id, PaymentRow.device_id == till.device_id)
    rows = await uow.session.exec(of_till.order_by(col(PaymentRow.noted_at), PaymentRow.receipt))
    return [value_of(Payment, row) for row in rows]


async def payments_at_stand(uow: UnitOfWork, stand_id: StandId) -> dict[UUID, list[Payment]]:
    """By the id of each till of the stand."""
    same_till = and_(col(TillRow.till_id) == PaymentRow.till_id, col(TillRow.device_id) == PaymentRow.device_id)
    at_stand = select(TillRow.till_id, PaymentRow).join(PaymentRow, same_till).where(TillRow.stand_id == stand_id)
    by_till: dict[UUID, list[Payment]] = defaultdict(list)
    for till_id, row in await uow.session.exec(at_stand.order_by(col(PaymentRow.noted_at), PaymentRow.receipt)):
        by_till[till_id].append(value_of(Payment, row))
    return by_till


async def add_till(uow: UnitOfWork, till: Till) -> bool:
    """False if the id is known or the device has another open till."""
    added = await uow.session.exec(insert(TillRow).values(columns_of(till)).on_conflict_do_nothing())
    return added.rowcount == 1


async def lock_till(uow: UnitOfWork, till_id: UUID) -> Till | None:
    row = await uow.session.get(TillRow, till_id, with_for_update=True)
    return value_of(Till, row) if row else None


async def close_till(uow: UnitOfWork, till: Till) -> None:
    count = {name: getattr(till, name) for name in ("closed_by", "closed_at", "counted_cents", "note")}
    await uow.session.exec(update(TillRow).where(col(TillRow.till_id) == till.till_id).values(count))


async def tills_of_stand(uow: UnitOfWork, stand_id: StandId) -> list[Till]:
    at_stand = select(TillRow).where(TillRow.stand_id == stand_id)
    return [value_of(Till, row) for row in await uow.session.exec(at_stand.order_by(col(TillRow.opened_at)))]


async def lock_refund(uow: UnitOfWork, refund_id: UUID) -> Refund | None:
    row = await uow.session.get(RefundRow, refund_id, with_for_update=True)
    return value_of(Refund, row) if row else None


async def find_payment(uow: UnitOfWork, receipt: str) -> Payment | None:
    row = (await uow.session.exec(select(PaymentRow).where(PaymentRow.receipt == receipt))).first()
    return value_of(Payment, row) if row else None


async def pay_refund(uow: UnitOfWork, refund: Refund) -> None:
    paid = update(RefundRow).where(col(RefundRow.refund_id) == refund.refund_id)
    await uow.session.exec(paid.values(receipt=refund.receipt))


async def owed_refunds(uow: UnitOfWork, stand_id: StandId, *, limit: int) -> list[Refund]:
    """Refunds that are not paid, oldest first."""
    owed = select(RefundRow).where(RefundRow.stand_id == stand_id, col(RefundRow.receipt).is_(None))
    return [value_of(Refund, row) for row in await uow.session.exec(owed.order_by(col(RefundRow.owed_at)).limit(limit))]
