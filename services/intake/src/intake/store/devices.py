"""Field devices that may send entries."""

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId


async def device_enrolled(work: Work, device_id: DeviceId) -> bool:
    return bool(await work.db.fetchval("SELECT revoked_at IS NULL FROM device WHERE device_id = $1", device_id))


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
