"""Money: tills, every receipt with what it stands for, and what is owed back."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId, StandId

from intake.domain.process.happening import Payment
from intake.domain.till import Movement, Refund, Till


def movements_added(movements: Sequence[Movement]) -> Statement:
    """To be written beside the case files."""
    return _ADD_MOVEMENTS, _columns(movements)


def refunds_added(refunds: Sequence[Refund]) -> Statement:
    """To be written beside the case files."""
    return _ADD_REFUNDS, [
        [one.id for one in refunds],
        [one.case_id for one in refunds],
        [one.stand_id for one in refunds],
        [one.cents for one in refunds],
        [one.reason for one in refunds],
        [one.owed_at for one in refunds],
    ]


async def add_movement(work: Work, movement: Movement) -> None:
    await work.db.execute(_ADD_MOVEMENTS, *_columns([movement]))


async def movements_of(work: Work, till: Till) -> list[Movement]:
    """What its device took and paid out under it."""
    rows = await work.db.fetch(
        "SELECT * FROM movement WHERE till_id = $1 AND device_id = $2 ORDER BY noted_at, receipt",
        till.id,
        till.device_id,
    )
    return [_movement(row) for row in rows]


async def movements_at_stand(work: Work, stand_id: StandId) -> dict[UUID, list[Movement]]:
    """Of each till of the stand, by its id."""
    rows = await work.db.fetch(
        """
        SELECT movement.* FROM movement JOIN till USING (till_id, device_id) WHERE till.stand_id = $1
        ORDER BY noted_at, receipt
        """,
        stand_id,
    )
    found: dict[UUID, list[Movement]] = defaultdict(list)
    for row in rows:
        found[row["till_id"]].append(_movement(row))
    return found


async def add_till(work: Work, till: Till) -> bool:
    """False when the id is known, or the device has another open till."""
    added = await work.db.fetchval(
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


async def lock_till(work: Work, till_id: UUID) -> Till | None:
    row = await work.db.fetchrow("SELECT * FROM till WHERE till_id = $1 FOR UPDATE", till_id)
    return _till(row) if row else None


async def close_till(work: Work, till: Till) -> None:
    await work.db.execute(
        "UPDATE till SET closed_by = $2, closed_at = $3, counted_cents = $4, note = $5 WHERE till_id = $1",
        till.id,
        till.closed_by,
        till.closed_at,
        till.counted_cents,
        till.note,
    )


async def tills_of_stand(work: Work, stand_id: StandId) -> list[Till]:
    rows = await work.db.fetch("SELECT * FROM till WHERE stand_id = $1 ORDER BY opened_at", stand_id)
    return [_till(row) for row in rows]


async def lock_refund(work: Work, refund_id: UUID) -> Refund | None:
    row = await work.db.fetchrow("SELECT * FROM refund WHERE refund_id = $1 FOR UPDATE", refund_id)
    return _refund(row) if row else None


async def pay_refund(work: Work, refund: Refund) -> None:
    await work.db.execute("UPDATE refund SET receipt = $2 WHERE refund_id = $1", refund.id, refund.receipt)


async def owed_refunds(work: Work, stand_id: StandId, *, limit: int) -> list[Refund]:
    """What was not paid out yet, oldest first."""
    rows = await work.db.fetch(
        "SELECT * FROM refund WHERE stand_id = $1 AND receipt IS NULL ORDER BY owed_at LIMIT $2", stand_id, limit
    )
    return [_refund(row) for row in rows]


def _columns(movements: Sequence[Movement]) -> list[list[Any]]:
    return [list(column) for column in zip(*movements, strict=True)]


def _movement(row: Any) -> Movement:
    return Movement(
        receipt=row["receipt"],
        case_id=CaseId(row["case_id"]),
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        till_id=row["till_id"],
        officer=row["officer"],
        payment=Payment(row["payment"]),
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


_ADD_MOVEMENTS = """
    INSERT INTO movement (receipt, case_id, stand_id, device_id, till_id, officer, payment, cents, noted_at)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::int[],
                         $9::timestamptz[])
"""
_ADD_REFUNDS = """
    INSERT INTO refund (refund_id, case_id, stand_id, cents, reason, owed_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[])
"""
