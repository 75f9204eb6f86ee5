"""Hand-written statements of devices: what a sync or a poll reads and writes about its device."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, StandId

CLOCK_TOLERANCE_S = 2
_WORKED_ON = """
    EXISTS (SELECT 1 FROM entry e
            WHERE e.case_id = p.case_id AND e.device_id = $1 AND e.status IN ('applied', 'conflict'))
"""


async def device_enrolled(uow: UnitOfWork, device_id: DeviceId) -> bool:
    return bool(await uow.db.fetchval("SELECT revoked_at IS NULL FROM device WHERE device_id = $1", device_id))


async def is_admitted(uow: UnitOfWork, device_id: DeviceId, *, officer: str, session_id: UUID | None) -> bool:
    """Whether the device is enrolled, and neither the officer nor the session is cut off."""
    rows = await uow.db.fetch(
        """
        SELECT 1 FROM device d WHERE d.device_id = $1 AND d.revoked_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM cut_off c
                          WHERE c.active AND (c.kind, c.id) IN (('officer', $2::text), ('session', $3::text)))
        """,
        device_id,
        officer,
        str(session_id or ""),
    )
    return bool(rows)


async def left_over(
    uow: UnitOfWork, device_id: DeviceId, places: Collection[tuple[CaseId, StandId]], *, since: datetime
) -> set[tuple[CaseId, StandId]]:
    """Those of the cases at other stands to which this device may still send: of a stand where it leased numbers
    `since` then, and new or worked on with this device before."""
    case_ids, stand_ids = zip(*places, strict=True)
    rows = await uow.db.fetch(
        f"""
        SELECT p.case_id, p.stand_id FROM unnest($2::uuid[], $3::uuid[]) AS p(case_id, stand_id)
        WHERE EXISTS (SELECT 1 FROM number_block b
                      WHERE b.device_id = $1 AND b.stand_id = p.stand_id AND b.leased_at >= $4)
          AND (NOT EXISTS (SELECT 1 FROM case_file c WHERE c.case_id = p.case_id) OR {_WORKED_ON})
        """,  # noqa: S608 -- a constant
        device_id,
        list(case_ids),
        list(stand_ids),
        since,
    )
    return {(CaseId(row["case_id"]), StandId(row["stand_id"])) for row in rows}


async def was_at_stand(uow: UnitOfWork, device_id: DeviceId, stand_id: StandId, *, since: datetime) -> bool:
    """Whether a clerk had a session with the device there `since` then, or it leased numbers there."""
    rows = await uow.db.fetch(
        """
        SELECT 1 FROM field_session WHERE device_id = $1 AND stand_id = $2 AND until >= $3
        UNION ALL SELECT 1 FROM number_block WHERE device_id = $1 AND stand_id = $2 AND leased_at >= $3 LIMIT 1
        """,
        device_id,
        stand_id,
        since,
    )
    return bool(rows)


async def may_add_to(uow: UnitOfWork, device_id: DeviceId, case_id: CaseId, stand_id: StandId | None) -> bool:
    """Whether the case is new, of this stand, or one that was worked on with this device before."""
    rows = await uow.db.fetch(
        f"""
        SELECT 1 FROM (VALUES ($2::uuid)) AS p(case_id)
        WHERE NOT EXISTS (SELECT 1 FROM case_file c WHERE c.case_id = p.case_id)
           OR EXISTS (SELECT 1 FROM case_file c WHERE c.case_id = p.case_id AND c.stand_id = $3)
           OR EXISTS (SELECT 1 FROM case_stand s WHERE s.case_id = p.case_id AND s.stand_id = $3)
           OR {_WORKED_ON}
        """,  # noqa: S608 -- a constant
        device_id,
        case_id,
        stand_id,
    )
    return bool(rows)


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
