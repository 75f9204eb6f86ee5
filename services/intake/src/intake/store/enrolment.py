"""Enrolment codes and the keys of enrolled devices."""

from datetime import datetime
from typing import Any

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId

from intake.domain.enrolment import DeviceKey, EnrolmentCode


async def insert_code(uow: UnitOfWork, code: bytes, *, label: str, made_by: str, expires_at: datetime) -> None:
    await uow.db.execute(
        "INSERT INTO enrolment_code (code, label, made_by, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        code,
        label,
        made_by,
        uow.now,
        expires_at,
    )


async def lock_code(uow: UnitOfWork, code: bytes) -> EnrolmentCode | None:
    row = await uow.db.fetchrow("SELECT * FROM enrolment_code WHERE code = $1 FOR UPDATE", code)
    if not row:
        return None
    return EnrolmentCode(row["label"], row["expires_at"], DeviceId(row["device_id"]) if row["device_id"] else None)


async def mark_code_used(uow: UnitOfWork, code: bytes, device_id: DeviceId) -> None:
    await uow.db.execute("UPDATE enrolment_code SET device_id = $2 WHERE code = $1", code, device_id)


async def save_key(uow: UnitOfWork, device_id: DeviceId, public_key: str) -> None:
    await uow.db.execute("UPDATE device SET public_key = $2 WHERE device_id = $1", device_id, public_key)


async def find_key(uow: UnitOfWork, device_id: DeviceId) -> DeviceKey | None:
    row: Any = await uow.db.fetchrow("SELECT label, public_key, revoked_at FROM device WHERE device_id = $1", device_id)
    return DeviceKey(device_id, row["label"], row["public_key"], bool(row["revoked_at"])) if row else None


async def last_device_seq(uow: UnitOfWork, device_id: DeviceId) -> int:
    """The highest stored sequence of the device, 0 for none."""
    last: int | None = await uow.db.fetchval("SELECT max(device_seq) FROM entry WHERE device_id = $1", device_id)
    return last or 0
