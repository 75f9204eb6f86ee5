"""Field devices that may send entries."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId

CLOCK_MOVED_S = 2


async def device_enrolled(work: Work, device_id: DeviceId) -> bool:
    return bool(await work.db.fetchval("SELECT revoked_at IS NULL FROM device WHERE device_id = $1", device_id))


async def stands_of(work: Work, device_id: DeviceId) -> set[UUID]:
    """Where the device has worked: it leased numbers there."""
    rows = await work.db.fetch("SELECT DISTINCT stand_id FROM number_block WHERE device_id = $1", device_id)
    return {row["stand_id"] for row in rows}


class Device(NamedTuple):
    """`clock_off_s`: how far its clock was ahead when it was heard last, None when it never said. Orders nothing."""

    id: DeviceId
    label: str
    enrolled_at: datetime
    revoked_at: datetime | None
    durable_through: int
    clock_off_s: int | None
    heard_at: datetime | None


async def all_devices(work: Work) -> list[Device]:
    rows = await work.db.fetch(
        """
        SELECT device_id, label, enrolled_at, revoked_at, durable_through, clock_off_s, heard_at
        FROM device ORDER BY label, device_id
        """
    )
    return [Device(*row) for row in rows]


async def note_clock(work: Work, device_id: DeviceId, off_s: int) -> None:
    """Writes only what is news: a clock that moved, or a device that was not heard for an hour."""
    await work.db.execute(
        """
        UPDATE device SET clock_off_s = $2, heard_at = $3
        WHERE device_id = $1
          AND (abs(clock_off_s - $2::int) > $4 OR heard_at < $3::timestamptz - interval '1 hour' OR heard_at IS NULL)
        """,
        device_id,
        off_s,
        work.now,
        CLOCK_MOVED_S,
    )


async def advance_durable(work: Work, device_id: DeviceId) -> int:
    """The sequence up to which every entry of the device is in the ledger, without a gap."""
    through: int = await work.db.fetchval(
        """
        WITH moved AS (
            UPDATE device d SET durable_through = (
                SELECT max(device_seq)
                FROM (SELECT device_seq, row_number() OVER (ORDER BY device_seq) AS place
                      FROM entry e WHERE e.device_id = d.device_id AND device_seq > d.durable_through) AS later
                WHERE device_seq = d.durable_through + place)
            WHERE device_id = $1 AND EXISTS (
                SELECT 1 FROM entry e WHERE e.device_id = d.device_id AND device_seq = d.durable_through + 1)
            RETURNING durable_through)
        SELECT coalesce((SELECT durable_through FROM moved), durable_through) FROM device WHERE device_id = $1
        """,
        device_id,
    )
    return through


async def enrol_device(work: Work, device_id: DeviceId, *, label: str, officer: str) -> None:
    await work.db.execute(
        """
        INSERT INTO device (device_id, label, enrolled_by, enrolled_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (device_id) DO UPDATE SET label = excluded.label, revoked_at = NULL
        """,
        device_id,
        label,
        officer,
        work.now,
    )


async def revoke_device(work: Work, device_id: DeviceId) -> bool:
    """False when there is no such device."""
    status = await work.db.execute("UPDATE device SET revoked_at = $2 WHERE device_id = $1", device_id, work.now)
    return bool(status == "UPDATE 1")
