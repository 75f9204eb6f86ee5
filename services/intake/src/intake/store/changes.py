"""What changed at a stand since a device asked last.

A change is seen once all transactions that began before its own have ended: none can slip in behind a cursor later.
"""

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, StandId
from wanderamt.security.keys import Sealer

from intake.domain.changes import Cursor
from intake.store.cases import Filed, filed_of


async def server_epoch(work: Work) -> str:
    """Another one after a restore from a backup, or a failover to a standby."""
    epoch: str = await work.db.fetchval(
        "SELECT system_identifier || '-' || timeline_id FROM pg_control_system(), pg_control_checkpoint()"
    )
    return epoch


async def cases_changed_since(
    work: Work, stand_id: StandId, cursor: Cursor, sealer: Sealer, *, limit: int
) -> list[tuple[Filed, Cursor]]:
    """Each case once, as it is now, with the cursor behind it."""
    rows = await work.db.fetch(
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
    return [(filed_of(row, sealer), Cursor(cursor.epoch, row["changed"], CaseId(row["case_id"]))) for row in rows]


async def touch_case(work: Work, case_id: CaseId) -> None:
    """Something beside the file changed that devices are told with it. Nothing without a case: it may come later."""
    await work.db.execute(
        "UPDATE case_file SET changed = pg_current_xact_id()::text::bigint WHERE case_id = $1", case_id
    )
