"""Hand-written statements of payments and refunds: a sync writes them together with its cases."""

from collections.abc import Sequence
from typing import Any

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import columns_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from intake.domain.till import Payment, Refund


def insert_payments(payments: Sequence[Payment]) -> Statement:
    """A statement for `save_cases(also=...)`."""
    return _INSERT_PAYMENTS, _columns(payments)


def insert_refunds(refunds: Sequence[Refund]) -> Statement:
    """A statement for `save_cases(also=...)`."""
    return _INSERT_REFUNDS, [
        [refund.refund_id for refund in refunds],
        [refund.case_id for refund in refunds],
        [refund.stand_id for refund in refunds],
        [refund.cents for refund in refunds],
        [refund.reason for refund in refunds],
        [refund.owed_at for refund in refunds],
    ]


async def insert_payment(uow: UnitOfWork, payment: Payment) -> None:
    await uow.db.execute(_INSERT_PAYMENTS, *_columns([payment]))


def _columns(payments: Sequence[Payment]) -> list[list[Any]]:
    return [list(column) for column in zip(*(columns_of(payment).values() for payment in payments), strict=True)]


_INSERT_PAYMENTS = """
    INSERT INTO payment (receipt, case_id, stand_id, device_id, till_id, officer, method, cents, noted_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::int[],
                         $9::timestamptz[])
"""
_INSERT_REFUNDS = """
    INSERT INTO refund (refund_id, case_id, stand_id, cents, reason, owed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
"""
