"""The cases of a stand that changed since a device last asked."""

from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher

from intake.domain.changes import Cursor, read_cursor
from intake.handlers.cases import missing_scans
from intake.handlers.enrolment import has_lost_entries
from intake.handlers.sessions import refuse_cut_off
from intake.store import change_statements, device_statements
from intake.store.case_statements import CaseRecord

PAGE_SIZE = 200


class Changes(NamedTuple):
    """`reset`: the cursor is of another server, or entries were lost; the device sends the last 14 days again.

    `more`: there is another page. `missing_scans`: scans of these cases that are still on a device. `unsettled`: a
    change becomes visible in a moment.
    """

    cases: list[CaseRecord]
    missing_scans: set[UUID]
    cursor: Cursor
    durable_through: int
    reset: bool
    more: bool
    unsettled: bool


async def changes_since(
    text: str,
    uow: UnitOfWork,
    *,
    device_id: DeviceId,
    stand_id: StandId,
    officer: str,
    session_id: UUID | None,
    acked: int,
    cipher: FieldCipher,
) -> Changes | Refusal:
    """`text`: the cursor of the last answer; empty for everything of the stand.

    `acked`: the highest device sequence that was ever answered. Only it shows a restore within one database server.
    Refuses who was cut off since the request began to wait.
    """
    if refusal := await refuse_cut_off(device_id, uow, officer=officer, session_id=session_id):
        return refusal
    epoch = await change_statements.server_epoch(uow)
    cursor = read_cursor(text) if text else Cursor(epoch)
    if isinstance(cursor, Refusal):
        return cursor
    reset = cursor.epoch != epoch or await has_lost_entries(acked, uow, device_id=device_id)
    changed, unsettled = await change_statements.cases_changed_since(
        uow, stand_id, Cursor(epoch) if reset else cursor, cipher, limit=PAGE_SIZE
    )
    cases = [record for record, _ in changed]
    return Changes(
        cases=cases,
        missing_scans=await missing_scans(uow, cases),
        cursor=changed[-1][1] if changed else Cursor(epoch) if reset else cursor,
        durable_through=await device_statements.advance_durable(uow, device_id),
        reset=reset,
        more=len(changed) == PAGE_SIZE,
        unsettled=unsettled,
    )
