"""The crew's tills with their differences, and the refunds that are owed."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import RefundPayer, TillKeeper, TillReader
from intake.domain.case.case_events import PaymentMethod
from intake.domain.entry import ReceiptNumber
from intake.domain.till import Till, TillReport
from intake.handlers import till as till_handlers
from intake.store import tills

MAX_CENTS = 10_000_000
MAX_REFUNDS = 1000

router = APIRouter(tags=["fee desk"])


class OpenTillIn(BaseModel):
    """`till_id`: made by the device, offline if need be. The same id again finds the same till."""

    model_config = ConfigDict(extra="forbid")

    till_id: UUID
    float_cents: int = Field(ge=0, le=MAX_CENTS, examples=[10000], description="Change in the drawer.")


class CloseTillIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    counted_cents: int = Field(ge=0, le=MAX_CENTS, examples=[10660], description="Cash in the drawer, counted.")
    receipts: int = Field(ge=0, le=100_000, description="How many receipts the device has issued for this till.")
    note: LineText = Field("", max_length=500, examples=["5 euro fell behind the seat"])


class TillOut(BaseModel):
    """In cents. `difference_cents`: counted minus expected. `late_receipts` arrived after the count, and count too."""

    till_id: UUID
    device_id: UUID
    opened_by: str
    opened_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    note: str
    receipts: int
    late_receipts: int
    float_cents: int
    cash_in_cents: int
    cash_out_cents: int
    card_in_cents: int
    card_out_cents: int
    waived: int
    expected_cents: int
    counted_cents: int | None
    difference_cents: int | None


class RefundOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    refund_id: UUID
    case_id: UUID
    cents: int
    reason: str
    owed_at: datetime
    receipt: str | None


class PayOutIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payment: PaymentMethod
    receipt: ReceiptNumber
    till_id: UUID | None = None


@router.post("/tills", status_code=201)
async def open_till(order: OpenTillIn, caller: TillKeeper, uow: Transaction) -> TillOut:
    """Opens the till of the device that the token names. Fees may name the till before it is opened here."""
    opened = await till_handlers.open_till(
        order.till_id,
        uow,
        float_cents=order.float_cents,
        officer=caller.officer,
        device_id=caller.device_id,
        stand_id=caller.stand_id,
    )
    return _till_out(*or_refuse(opened))


@router.post("/tills/{till_id}/close")
async def close_till(till_id: UUID, order: CloseTillIn, caller: TillKeeper, uow: Transaction) -> TillOut:
    """Counts and closes the till. A difference needs a note; receipts still on the device must be sent first."""
    closed = await till_handlers.close_till(
        till_id,
        uow,
        counted_cents=order.counted_cents,
        receipts=order.receipts,
        note=order.note,
        officer=caller.officer,
        device_id=caller.device_id,
    )
    return _till_out(*or_refuse(closed))


@router.get("/stands/{stand_id}/tills")
async def tills_of_stand(stand_id: UUID, _: TillReader, uow: Transaction) -> list[TillOut]:
    """The difference report: every till of the stand with all receipts that have arrived."""
    return [_till_out(till, report) for till, report in await till_handlers.show_tills(StandId(stand_id), uow)]


@router.get("/stands/{stand_id}/refunds")
async def refunds_of_stand(stand_id: UUID, _: TillReader, uow: Transaction) -> list[RefundOut]:
    """The oldest 1,000 refunds for cases of the stand that are not paid out yet."""
    refunds = await tills.owed_refunds(uow, StandId(stand_id), limit=MAX_REFUNDS)
    return [RefundOut.model_validate(refund) for refund in refunds]


@router.post("/refunds/{refund_id}/pay-out")
async def pay_out_refund(refund_id: UUID, order: PayOutIn, caller: RefundPayer, uow: Transaction) -> RefundOut:
    """Pays money back, with a receipt of its own."""
    paid = await till_handlers.pay_out(
        refund_id,
        uow,
        payment=order.payment,
        receipt=order.receipt,
        till_id=order.till_id,
        officer=caller.officer,
        device_id=caller.device_id,
        stand_id=caller.stand_id,
    )
    return RefundOut.model_validate(or_refuse(paid))


def _till_out(till: Till, report: TillReport) -> TillOut:
    return TillOut(
        till_id=till.till_id,
        device_id=till.device_id,
        opened_by=till.opened_by,
        opened_at=till.opened_at,
        closed_by=till.closed_by,
        closed_at=till.closed_at,
        note=till.note,
        receipts=report.receipts,
        late_receipts=report.late,
        float_cents=till.float_cents,
        cash_in_cents=report.cash_in,
        cash_out_cents=report.cash_out,
        card_in_cents=report.card_in,
        card_out_cents=report.card_out,
        waived=report.waived,
        expected_cents=report.expected,
        counted_cents=till.counted_cents,
        difference_cents=report.difference,
    )
