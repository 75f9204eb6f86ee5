"""The conflict inbox: fields that two devices changed, kept until a person decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId, StandId
from wanderamt.kernel.sealed import Sealed


@dataclass(frozen=True, slots=True)
class Conflict:
    """`name`: of the field; `clash`: its three values, sealed. `taken` is None until somebody has decided."""

    id: UUID
    case_id: CaseId
    stand_id: StandId
    entry_id: EntryId
    device_id: DeviceId
    name: str
    clash: Sealed
    noted_at: datetime
    decided_by: str | None = None
    taken: str | None = None


async def add_conflicts(work: Work, conflicts: Sequence[Conflict]) -> None:
    await work.db.execute(
        """
        INSERT INTO conflict (conflict_id, case_id, stand_id, entry_id, device_id, name, clash, noted_at)
        SELECT *, $8::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                                              $7::jsonb[])
        """,
        [one.id for one in conflicts],
        [one.case_id for one in conflicts],
        [one.stand_id for one in conflicts],
        [one.entry_id for one in conflicts],
        [one.device_id for one in conflicts],
        [one.name for one in conflicts],
        [one.clash.model_dump(mode="json") for one in conflicts],
        work.now,
    )


async def open_conflicts(work: Work, stand_id: StandId, *, limit: int) -> list[Conflict]:
    rows = await work.db.fetch(
        "SELECT * FROM conflict WHERE stand_id = $1 AND decided_at IS NULL ORDER BY noted_at LIMIT $2", stand_id, limit
    )
    return [_conflict(row) for row in rows]


async def lock_conflict(work: Work, conflict_id: UUID) -> Conflict | None:
    row = await work.db.fetchrow("SELECT * FROM conflict WHERE conflict_id = $1 FOR UPDATE", conflict_id)
    return _conflict(row) if row else None


async def decide_conflict(work: Work, conflict_id: UUID, *, officer: str, taken: str) -> None:
    await work.db.execute(
        "UPDATE conflict SET decided_by = $2, decided_at = $3, taken = $4 WHERE conflict_id = $1",
        conflict_id,
        officer,
        work.now,
        taken,
    )


def _conflict(row: Any) -> Conflict:
    return Conflict(
        id=row["conflict_id"],
        case_id=CaseId(row["case_id"]),
        stand_id=StandId(row["stand_id"]),
        entry_id=EntryId(row["entry_id"]),
        device_id=DeviceId(row["device_id"]),
        name=row["name"],
        clash=Sealed.model_validate(row["clash"]),
        noted_at=row["noted_at"],
        decided_by=row["decided_by"],
        taken=row["taken"],
    )
