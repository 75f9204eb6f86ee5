"""A small copy of the stands, from their topic, so that opening a case never asks scheduling."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.contracts import StandScheduled
from wanderamt.kernel.ids import StandId


@dataclass(frozen=True, slots=True)
class Stand:
    id: StandId
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


async def save_stand(work: Work, event: StandScheduled) -> None:
    await work.db.execute(
        """
        INSERT INTO stand (stand_id, place, starts_at, ends_at, cancelled) VALUES ($1, $2, $3, $4, false)
        ON CONFLICT (stand_id) DO UPDATE
        SET place = excluded.place, starts_at = excluded.starts_at, ends_at = excluded.ends_at
        """,
        event.stand_id,
        event.place,
        event.starts_at,
        event.ends_at,
    )


async def cancel_stand(work: Work, stand_id: StandId) -> None:
    await work.db.execute("UPDATE stand SET cancelled = true WHERE stand_id = $1", stand_id)


async def stands(work: Work) -> list[Stand]:
    rows = await work.db.fetch("SELECT * FROM stand ORDER BY starts_at LIMIT 500")
    return [_stand(row) for row in rows]


def _stand(row: Any) -> Stand:
    return Stand(StandId(row["stand_id"]), row["place"], row["starts_at"], row["ends_at"], row["cancelled"])
