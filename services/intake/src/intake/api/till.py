"""The fee desk: tills with their differences, and what is owed back."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import StandId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.api.outcome import at_stand, told
from intake.domain.catalogue.book import Book
from intake.domain.entry import ReceiptNumber
from intake.domain.process.happening import Payment
from intake.domain.till import Reckoning, Refund, Till
from intake.handlers import till as desk
from intake.store import money

MAX_CENTS = 10_000_000
MAX_REFUNDS = 1000


class OpenIn(BaseModel):
    """`till_id`: made by the device, offline if need be. The same id again finds the same till."""

    model_config = ConfigDict(extra="forbid")

    till_id: UUID
    float_cents: int = Field(ge=0, le=MAX_CENTS, examples=[10000], description="Change in the drawer.")


class CloseIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    counted_cents: int = Field(ge=0, le=MAX_CENTS, examples=[10660], description="Cash in the drawer, counted.")
    receipts: int = Field(ge=0, le=100_000, description="How many receipts the device has given under this till.")
    note: str = Field("", max_length=500, examples=["5 euro fell behind the seat"])


class TillOut(BaseModel):
    """In cents. `difference_cents`: counted less expected. `late_receipts` arrived after the counting; they count."""

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
    refund_id: UUID
    case_id: UUID
    cents: int
    reason: str
    owed_at: datetime
    receipt: str | None


class PayOutIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payment: Payment
    receipt: ReceiptNumber
    till_id: UUID | None = None


def till_routes(database: Database, _sealer: Sealer, _book: Book) -> APIRouter:
    router = APIRouter(tags=["fee desk"])

    @router.post("/tills", status_code=201)
    async def open_till(order: OpenIn, caller: Caller = only(Role.CLERK)) -> TillOut:
        """Opens the till of the device of the token. Fees may name it before it is opened here."""
        device_id, stand_id = at_stand(caller)
        async with database.work() as work:
            opened = await desk.open_till(
                order.till_id,
                work,
                float_cents=order.float_cents,
                officer=caller.subject,
                device_id=device_id,
                stand_id=stand_id,
            )
            return _till_out(*told(opened))

    @router.post("/tills/{till_id}/close")
    async def close_till(till_id: UUID, order: CloseIn, caller: Caller = only(Role.CLERK)) -> TillOut:
        """Counts and closes. A difference needs a note; receipts still on the device are sent first."""
        device_id, _ = at_stand(caller)
        async with database.work() as work:
            closed = await desk.close_till(
                till_id,
                work,
                counted_cents=order.counted_cents,
                receipts=order.receipts,
                note=order.note,
                officer=caller.subject,
                device_id=device_id,
            )
            return _till_out(*told(closed))

    @router.get("/stands/{stand_id}/tills")
    async def tills(stand_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[TillOut]:
        """The difference report: every till of the stand, as its receipts stand now."""
        async with database.work() as work:
            return [_till_out(*one) for one in await desk.show_tills(StandId(stand_id), work)]

    @router.get("/stands/{stand_id}/refunds")
    async def refunds(stand_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[RefundOut]:
        """What is owed back for cases of the stand and not paid out, the oldest 1,000."""
        async with database.work() as work:
            return [_refund_out(one) for one in await money.owed_refunds(work, StandId(stand_id), limit=MAX_REFUNDS)]

    @router.post("/refunds/{refund_id}/pay-out")
    async def pay_out(refund_id: UUID, order: PayOutIn, caller: Caller = only(Role.CLERK)) -> RefundOut:
        """Pays money back, with a receipt of its own."""
        device_id, stand_id = at_stand(caller)
        async with database.work() as work:
            paid = await desk.pay_out(
                refund_id,
                work,
                payment=order.payment,
                receipt=order.receipt,
                till_id=order.till_id,
                officer=caller.subject,
                device_id=device_id,
                stand_id=stand_id,
            )
            return _refund_out(told(paid))

    return router


def _till_out(till: Till, found: Reckoning) -> TillOut:
    return TillOut(
        till_id=till.id,
        device_id=till.device_id,
        opened_by=till.opened_by,
        opened_at=till.opened_at,
        closed_by=till.closed_by,
        closed_at=till.closed_at,
        note=till.note,
        receipts=found.receipts,
        late_receipts=found.late,
        float_cents=till.float_cents,
        cash_in_cents=found.cash_in,
        cash_out_cents=found.cash_out,
        card_in_cents=found.card_in,
        card_out_cents=found.card_out,
        waived=found.waived,
        expected_cents=found.expected,
        counted_cents=till.counted_cents,
        difference_cents=found.difference,
    )


def _refund_out(refund: Refund) -> RefundOut:
    return RefundOut(
        refund_id=refund.id,
        case_id=refund.case_id,
        cents=refund.cents,
        reason=refund.reason,
        owed_at=refund.owed_at,
        receipt=refund.receipt,
    )
