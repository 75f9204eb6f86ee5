"""Tills, payments with their receipts, and refunds."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, StandId

from intake.domain.case.case_events import PaymentMethod
from intake.domain.till import Payment, Refund, Till


def insert_payments(payments: Sequence[Payment]) -> Statement:
    """A statement for `save_cases(also=...)`."""
    return _INSERT_PAYMENTS, _columns(payments)


def insert_refunds(refunds: Sequence[Refund]) -> Statement:
    """A statement for `save_cases(also=...)`."""
    return _INSERT_REFUNDS, [
        [refund.id for refund in refunds],
        [refund.case_id for refund in refunds],
        [refund.stand_id for refund in refunds],
        [refund.cents for refund in refunds],
        [refund.reason for refund in refunds],
        [refund.owed_at for refund in refunds],
    ]


async def insert_payment(uow: UnitOfWork, payment: Payment) -> None:
    await uow.db.execute(_INSERT_PAYMENTS, *_columns([payment]))


async def payments_of_till(uow: UnitOfWork, till: Till) -> list[Payment]:
    """Payments and refunds that its device recorded for the till."""
    rows = await uow.db.fetch(
        "SELECT * FROM payment WHERE till_id = $1 AND device_id = $2 ORDER BY noted_at, receipt",
        till.id,
        till.device_id,
    )
    return [_payment(row) for row in rows]


async def payments_at_stand(uow: UnitOfWork, stand_id: StandId) -> dict[UUID, list[Payment]]:
    """By the id of each till of the stand."""
    rows = await uow.db.fetch(
        """
        SELECT payment.* FROM payment JOIN till USING (till_id, device_id) WHERE till.stand_id = $1
        ORDER BY noted_at, receipt
        """,
        stand_id,
    )
    by_till: dict[UUID, list[Payment]] = defaultdict(list)
    for row in rows:
        by_till[row["till_id"]].append(_payment(row))
    return by_till


async def add_till(uow: UnitOfWork, till: Till) -> bool:
    """False if the id is known or the device has another open till."""
    added = await uow.db.fetchval(
        """
        INSERT INTO till (till_id, stand_id, device_id, opened_by, opened_at, float_cents, note)
        VALUES ($1, $2, $3, $4, $5, $6, '') ON CONFLICT DO NOTHING RETURNING true
        """,
        till.id,
        till.stand_id,
        till.device_id,
        till.opened_by,
        till.opened_at,
        till.float_cents,
    )
    return bool(added)


async def lock_till(uow: UnitOfWork, till_id: UUID) -> Till | None:
    row = await uow.db.fetchrow("SELECT * FROM till WHERE till_id = $1 FOR UPDATE", till_id)
    return _till(row) if row else None


async def close_till(uow: UnitOfWork, till: Till) -> None:
    await uow.db.execute(
        "UPDATE till SET closed_by = $2, closed_at = $3, counted_cents = $4, note = $5 WHERE till_id = $1",
        till.id,
        till.closed_by,
        till.closed_at,
        till.counted_cents,
        till.note,
    )


async def tills_of_stand(uow: UnitOfWork, stand_id: StandId) -> list[Till]:
    rows = await uow.db.fetch("SELECT * FROM till WHERE stand_id = $1 ORDER BY opened_at", stand_id)
    return [_till(row) for row in rows]


async def lock_refund(uow: UnitOfWork, refund_id: UUID) -> Refund | None:
    row = await uow.db.fetchrow("SELECT * FROM refund WHERE refund_id = $1 FOR UPDATE", refund_id)
    return _refund(row) if row else None


async def pay_refund(uow: UnitOfWork, refund: Refund) -> None:
    await uow.db.execute("UPDATE refund SET receipt = $2 WHERE refund_id = $1", refund.id, refund.receipt)


async def owed_refunds(uow: UnitOfWork, stand_id: StandId, *, limit: int) -> list[Refund]:
    """Refunds that are not paid, oldest first."""
    rows = await uow.db.fetch(
        "SELECT * FROM refund WHERE stand_id = $1 AND receipt IS NULL ORDER BY owed_at LIMIT $2", stand_id, limit
    )
    return [_refund(row) for row in rows]


def _columns(payments: Sequence[Payment]) -> list[list[Any]]:
    return [list(column) for column in zip(*payments, strict=True)]


def _payment(row: Any) -> Payment:
    return Payment(
        receipt=row["receipt"],
        case_id=CaseId(row["case_id"]),
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        till_id=row["till_id"],
        officer=row["officer"],
        method=PaymentMethod(row["method"]),
        cents=row["cents"],
        noted_at=row["noted_at"],
    )


def _till(row: Any) -> Till:
    return Till(
        id=row["till_id"],
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        opened_by=row["opened_by"],
        opened_at=row["opened_at"],
        float_cents=row["float_cents"],
        closed_by=row["closed_by"],
        closed_at=row["closed_at"],
        counted_cents=row["counted_cents"],
        note=row["note"],
    )


def _refund(row: Any) -> Refund:
    return Refund(
        id=row["refund_id"],
        case_id=CaseId(row["case_id"]),
        stand_id=StandId(row["stand_id"]),
        cents=row["cents"],
        reason=row["reason"],
        owed_at=row["owed_at"],
        receipt=row["receipt"],
    )


_INSERT_PAYMENTS = """
    INSERT INTO payment (receipt, case_id, stand_id, device_id, till_id, officer, method, cents, noted_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::int[],
                         $9::timestamptz[])
"""
_INSERT_REFUNDS = """
    INSERT INTO refund (refund_id, case_id, stand_id, cents, reason, owed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
"""
