"""Conflicts: fields that two devices changed, stored until a person decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, StandId
from wanderamt.kernel.sealed import Sealed


@dataclass(frozen=True, slots=True)
class StoredConflict:
    """`name`: of the field. `field_values`: its three values, encrypted. `resolution`: None until a person decides."""

    id: UUID
    case_id: CaseId
    stand_id: StandId
    entry_id: EntryId
    device_id: DeviceId
    name: str
    field_values: Sealed
    noted_at: datetime
    decided_by: str | None = None
    resolution: str | None = None


async def insert_conflicts(uow: UnitOfWork, conflicts: Sequence[StoredConflict]) -> None:
    await uow.db.execute(
        """
        INSERT INTO conflict (conflict_id, case_id, stand_id, entry_id, device_id, name, field_values, noted_at)
        SELECT *, $8::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                                              $7::jsonb[])
        """,
        [conflict.id for conflict in conflicts],
        [conflict.case_id for conflict in conflicts],
        [conflict.stand_id for conflict in conflicts],
        [conflict.entry_id for conflict in conflicts],
        [conflict.device_id for conflict in conflicts],
        [conflict.name for conflict in conflicts],
        [conflict.field_values.model_dump(mode="json") for conflict in conflicts],
        uow.now,
    )


async def open_conflicts(uow: UnitOfWork, stand_id: StandId, *, limit: int) -> list[StoredConflict]:
    rows = await uow.db.fetch(
        "SELECT * FROM conflict WHERE stand_id = $1 AND decided_at IS NULL ORDER BY noted_at LIMIT $2", stand_id, limit
    )
    return [_conflict(row) for row in rows]


async def lock_conflict(uow: UnitOfWork, conflict_id: UUID) -> StoredConflict | None:
    row = await uow.db.fetchrow("SELECT * FROM conflict WHERE conflict_id = $1 FOR UPDATE", conflict_id)
    return _conflict(row) if row else None


async def decide_conflict(uow: UnitOfWork, conflict_id: UUID, *, officer: str, resolution: str) -> None:
    await uow.db.execute(
        "UPDATE conflict SET decided_by = $2, decided_at = $3, resolution = $4 WHERE conflict_id = $1",
        conflict_id,
        officer,
        uow.now,
        resolution,
    )


def _conflict(row: Any) -> StoredConflict:
    return StoredConflict(
        id=row["conflict_id"],
        case_id=CaseId(row["case_id"]),
        stand_id=StandId(row["stand_id"]),
        entry_id=EntryId(row["entry_id"]),
        device_id=DeviceId(row["device_id"]),
        name=row["name"],
        field_values=Sealed.model_validate(row["field_values"]),
        noted_at=row["noted_at"],
        decided_by=row["decided_by"],
        resolution=row["resolution"],
    )
