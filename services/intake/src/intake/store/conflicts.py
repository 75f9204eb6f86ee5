"""Conflicts: fields that two devices changed, stored until a person decides. `entry_statements` inserts them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select, update
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, StandId
from wanderamt.kernel.sealed import Sealed

from intake.tables import ConflictRow


@dataclass(frozen=True, slots=True)
class StoredConflict:
    """`name`: of the field. `field_values`: its three values, encrypted. `resolution`: None until a person decides."""

    conflict_id: UUID
    case_id: CaseId
    stand_id: StandId
    entry_id: EntryId
    device_id: DeviceId
    name: str
    field_values: Sealed
    noted_at: datetime
    decided_by: str | None = None
    resolution: str | None = None


async def open_conflicts(uow: UnitOfWork, stand_id: StandId, *, limit: int) -> list[StoredConflict]:
    undecided = select(ConflictRow).where(ConflictRow.stand_id == stand_id, col(ConflictRow.decided_at).is_(None))
    oldest = undecided.order_by(col(ConflictRow.noted_at)).limit(limit)
    return [value_of(StoredConflict, row) for row in await uow.session.exec(oldest)]


async def lock_conflict(uow: UnitOfWork, conflict_id: UUID) -> StoredConflict | None:
    row = await uow.session.get(ConflictRow, conflict_id, with_for_update=True)
    return value_of(StoredConflict, row) if row else None


async def decide_conflict(uow: UnitOfWork, conflict_id: UUID, *, officer: str, resolution: str) -> None:
    decided = update(ConflictRow).where(col(ConflictRow.conflict_id) == conflict_id)
    await uow.session.exec(decided.values(decided_by=officer, decided_at=uow.now, resolution=resolution))
