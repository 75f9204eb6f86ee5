"""Hand-written statements of the changed cases of a stand: every device of a stand asks once per second.

Invariants: a change becomes visible when all transactions that began before its own have ended, so that no change
appears behind a cursor.
"""

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, StandId
from wanderamt.security.keys import FieldCipher

from intake.domain.changes import Cursor
from intake.store.case_statements import CaseRecord, record_of_row


async def server_epoch(uow: UnitOfWork) -> str:
    """Changes after a restore from a backup or a failover to a standby."""
    epoch: str = await uow.db.fetchval(
        "SELECT system_identifier || '-' || timeline_id FROM pg_control_system(), pg_control_checkpoint()"
    )
    return epoch


async def cases_changed_since(
    uow: UnitOfWork, stand_id: StandId, cursor: Cursor, cipher: FieldCipher, *, limit: int
) -> list[tuple[CaseRecord, Cursor]]:
    """Each changed case once, in its current state, with the cursor behind it."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM case_file
        WHERE stand_id = $1 AND (changed, case_id) > ($2, $3)
          AND changed < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY changed, case_id LIMIT $4
        """,
        stand_id,
        cursor.changed,
        cursor.case_id,
        limit,
    )
    return [(record_of_row(row, cipher), Cursor(cursor.epoch, row["changed"], CaseId(row["case_id"]))) for row in rows]


async def touch_case(uow: UnitOfWork, case_id: CaseId) -> None:
    """Marks the case as changed, because something that devices receive with it changed. No-op for an unknown case."""
    await uow.db.execute(
        "UPDATE case_file SET changed = pg_current_xact_id()::text::bigint WHERE case_id = $1", case_id
    )
