"""What a device has not seen yet."""

from typing import NamedTuple
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from intake.domain.changes import Cursor, read_cursor
from intake.domain.refusals import NOT_ENROLLED
from intake.handlers.cases import scans_on_devices
from intake.handlers.enrolment import has_forgotten
from intake.store import changes, devices
from intake.store.cases import Filed

PAGE = 200


class Changes(NamedTuple):
    """`reset`: the server is not the one of the cursor; forget what it told and send the last 14 days again.

    `more`: there is another page. `missing_scans`: what of these cases is still on a device.
    """

    cases: list[Filed]
    missing_scans: set[UUID]
    cursor: Cursor
    durable_through: int
    reset: bool
    more: bool


async def changes_since(
    text: str, work: Work, *, device_id: DeviceId, stand_id: StandId, acked: int, sealer: Sealer
) -> Changes | Refusal:
    """`text`: the cursor the device was given last; empty, everything of its stand.

    `acked`: the highest sequence of its own that it was ever answered. A restore within one database server is seen by
    it alone.
    """
    if not await devices.device_enrolled(work, device_id):
        return NOT_ENROLLED
    epoch = await changes.server_epoch(work)
    cursor = read_cursor(text) if text else Cursor(epoch)
    if isinstance(cursor, Refusal):
        return cursor
    reset = cursor.epoch != epoch or await has_forgotten(acked, work, device_id=device_id)
    found = await changes.cases_changed_since(work, stand_id, Cursor(epoch) if reset else cursor, sealer, limit=PAGE)
    cases = [filed for filed, _ in found]
    return Changes(
        cases=cases,
        missing_scans=await scans_on_devices(work, cases),
        cursor=found[-1][1] if found else Cursor(epoch) if reset else cursor,
        durable_through=await devices.advance_durable(work, device_id),
        reset=reset,
        more=len(found) == PAGE,
    )
