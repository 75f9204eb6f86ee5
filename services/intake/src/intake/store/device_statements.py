"""Hand-written statements of devices: what a sync or a poll reads and writes about its device."""

from datetime import datetime
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId

CLOCK_TOLERANCE_S = 2


async def device_enrolled(uow: UnitOfWork, device_id: DeviceId) -> bool:
    return bool(await uow.db.fetchval("SELECT revoked_at IS NULL FROM device WHERE device_id = $1", device_id))


async def stands_of(uow: UnitOfWork, device_id: DeviceId) -> set[UUID]:
    """The stands where the device leased numbers."""
    rows = await uow.db.fetch("SELECT DISTINCT stand_id FROM number_block WHERE device_id = $1", device_id)
    return {row["stand_id"] for row in rows}


def record_clock(device_id: DeviceId, off_s: int, *, now: datetime) -> Statement:
    """Updates the row only if the clock moved or the last request is an hour old."""
    sql = """
        UPDATE device SET clock_off_s = $2, heard_at = $3
        WHERE device_id = $1
          AND (abs(clock_off_s - $2::int) > $4 OR heard_at < $3::timestamptz - interval '1 hour' OR heard_at IS NULL)
    """
    return sql, (device_id, off_s, now, CLOCK_TOLERANCE_S)


async def advance_durable(uow: UnitOfWork, device_id: DeviceId) -> int:
    """The device sequence up to which all entries are stored, without a gap."""
    through: int = await uow.db.fetchval(
        """
        WITH moved AS (
            UPDATE device d SET durable_through = (
                SELECT max(device_seq)
                FROM (SELECT device_seq, row_number() OVER (ORDER BY device_seq) AS place
                      FROM entry e WHERE e.device_id = d.device_id AND device_seq > d.durable_through) AS newer
                WHERE device_seq = d.durable_through + place)
            WHERE device_id = $1 AND EXISTS (
                SELECT 1 FROM entry e WHERE e.device_id = d.device_id AND device_seq = d.durable_through + 1)
            RETURNING durable_through)
        SELECT coalesce((SELECT durable_through FROM moved), durable_through) FROM device WHERE device_id = $1
        """,
        device_id,
    )
    return through
