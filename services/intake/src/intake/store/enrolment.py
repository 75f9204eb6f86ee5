"""Codes that let devices in, and the keys of those that came in."""

from datetime import datetime
from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId

from intake.domain.enrolment import DeviceKey, Invitation


async def add_invitation(work: Work, code: bytes, *, label: str, made_by: str, expires_at: datetime) -> None:
    await work.db.execute(
        "INSERT INTO invitation (code, label, made_by, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        code,
        label,
        made_by,
        work.now,
        expires_at,
    )


async def lock_invitation(work: Work, code: bytes) -> Invitation | None:
    row = await work.db.fetchrow("SELECT * FROM invitation WHERE code = $1 FOR UPDATE", code)
    if not row:
        return None
    return Invitation(row["label"], row["expires_at"], DeviceId(row["device_id"]) if row["device_id"] else None)


async def use_invitation(work: Work, code: bytes, device_id: DeviceId) -> None:
    await work.db.execute("UPDATE invitation SET device_id = $2 WHERE code = $1", code, device_id)


async def save_key(work: Work, device_id: DeviceId, public_key: str) -> None:
    await work.db.execute("UPDATE device SET public_key = $2 WHERE device_id = $1", device_id, public_key)


async def find_key(work: Work, device_id: DeviceId) -> DeviceKey | None:
    row: Any = await work.db.fetchrow(
        "SELECT label, public_key, revoked_at FROM device WHERE device_id = $1", device_id
    )
    return DeviceKey(device_id, row["label"], row["public_key"], bool(row["revoked_at"])) if row else None


async def last_heard(work: Work, device_id: DeviceId) -> int:
    """The highest sequence of the device in the ledger, 0 for none."""
    found: int | None = await work.db.fetchval("SELECT max(device_seq) FROM entry WHERE device_id = $1", device_id)
    return found or 0
