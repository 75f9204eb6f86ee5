"""Hand-written statements of the changed cases of a stand, which its devices wait for.

Invariants: a change becomes visible when all transactions that began before its own have ended, so that no change
appears behind a cursor.
"""

from typing import NamedTuple

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, StandId
from wanderamt.security.keys import FieldCipher

from intake.domain.changes import Cursor
from intake.store.case_statements import CaseRecord, record_of_row
from intake.store.change_channel import stand_channel


class ChangedCases(NamedTuple):
    """Each changed case once, in its current state, with the cursor behind it. `unsettled`: there are later changes,
    which become visible when older transactions have ended."""

    cases: list[tuple[CaseRecord, Cursor]]
    unsettled: bool


async def server_epoch(uow: UnitOfWork) -> str:
    """Changes after a restore from a backup or a failover to a standby."""
    epoch: str = await uow.db.fetchval(
        "SELECT system_identifier || '-' || timeline_id FROM pg_control_system(), pg_control_checkpoint()"
    )
    return epoch


async def cases_changed_since(
    uow: UnitOfWork, stand_id: StandId, cursor: Cursor, cipher: FieldCipher, *, limit: int
) -> ChangedCases:
    rows = await uow.db.fetch(
        """
        SELECT *, changed < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS settled FROM (
            (SELECT * FROM case_file WHERE stand_id = $1 AND (changed, case_id) > ($2, $3)
             ORDER BY changed, case_id LIMIT $4)
            UNION ALL
            (SELECT c.* FROM case_stand s JOIN case_file c USING (case_id)
             WHERE s.stand_id = $1 AND (c.changed, c.case_id) > ($2, $3)
             ORDER BY c.changed, c.case_id LIMIT $4)
        ) AS changes
        ORDER BY changed, case_id LIMIT $4
        """,
        stand_id,
        cursor.changed,
        cursor.case_id,
        limit,
    )
    settled = [row for row in rows if row["settled"]]
    return ChangedCases(
        [(record_of_row(row, cipher), Cursor(cursor.epoch, row["changed"], CaseId(row["case_id"]))) for row in settled],
        unsettled=len(settled) < len(rows),
    )


async def touch_case(uow: UnitOfWork, case_id: CaseId) -> None:
    """Marks the case as changed, because something that devices receive with it changed. No-op for an unknown case."""
    stand_id = await uow.db.fetchval(
        "UPDATE case_file SET changed = pg_current_xact_id()::text::bigint WHERE case_id = $1 RETURNING stand_id",
        case_id,
    )
    if stand_id:
        uow.channels_to_notify.add(stand_channel(stand_id))
