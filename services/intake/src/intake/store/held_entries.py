"""Entries that wait for earlier entries of their case, for the operators."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import aliased
from sqlmodel import col, func, select
from wanderamt.backbone.persistence.tables import has_constant, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId

from intake.store.entry_statements import EntryStatus
from intake.tables import EntryRow


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """A waiting entry. `expected`: the case sequence that its device must send next."""

    entry_id: EntryId
    case_id: CaseId
    device_id: DeviceId
    device_seq: int
    case_seq: int
    type: str
    captured_at: datetime
    received_at: datetime
    expected: int


async def held_entries(uow: UnitOfWork, *, limit: int) -> list[HeldEntry]:
    """Oldest first."""
    earlier = aliased(EntryRow)
    last = select(func.coalesce(func.max(earlier.case_seq), 0)).where(
        earlier.case_id == EntryRow.case_id,
        earlier.device_id == EntryRow.device_id,
        ~has_constant(earlier.status, EntryStatus.HELD),
    )
    held = select(EntryRow, last.scalar_subquery()).where(has_constant(EntryRow.status, EntryStatus.HELD))
    rows = await uow.session.exec(held.order_by(col(EntryRow.received_at)).limit(limit))
    return [value_of(HeldEntry, row, expected=1 + last_seq) for row, last_seq in rows]


async def count_held_entries(uow: UnitOfWork) -> tuple[int, float]:
    """(number of held entries, seconds since the oldest of them arrived)."""
    held = select(func.count(), func.min(EntryRow.received_at)).where(has_constant(EntryRow.status, EntryStatus.HELD))
    count, oldest = (await uow.session.exec(held)).one()
    return count, (uow.now - oldest).total_seconds() if oldest else 0.0
