"""A projection of the stands topic, so that opening a case never calls scheduling."""

from datetime import datetime
from typing import Any

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandMoved, StandScheduled
from wanderamt.kernel.ids import StandId

from intake.domain.report import StandCopy


async def save_stand(uow: UnitOfWork, event: StandScheduled) -> None:
    await uow.db.execute(
        """
        INSERT INTO stand (stand_id, place, starts_at, ends_at, cancelled, occasion, target_group, services)
        VALUES ($1, $2, $3, $4, false, $5, $6, $7)
        ON CONFLICT (stand_id) DO UPDATE
        SET place = excluded.place, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
            occasion = excluded.occasion, target_group = excluded.target_group, services = excluded.services
        """,
        event.stand_id,
        event.place,
        event.starts_at,
        event.ends_at,
        event.occasion,
        event.target_group,
        list(event.services),
    )


async def move_stand(uow: UnitOfWork, event: StandMoved) -> None:
    await uow.db.execute(
        "UPDATE stand SET place = $2, starts_at = $3, ends_at = $4, services = $5 WHERE stand_id = $1",
        event.stand_id,
        event.place,
        event.starts_at,
        event.ends_at,
        list(event.services),
    )


async def cancel_stand(uow: UnitOfWork, stand_id: StandId) -> None:
    await uow.db.execute("UPDATE stand SET cancelled = true WHERE stand_id = $1", stand_id)


async def all_stands(uow: UnitOfWork) -> list[StandCopy]:
    rows = await uow.db.fetch("SELECT * FROM stand ORDER BY starts_at LIMIT 500")
    return [_stand(row) for row in rows]


async def stands_between(uow: UnitOfWork, *, since: datetime, until: datetime, limit: int) -> list[StandCopy]:
    """Stands that begin in [since, until), in order of time."""
    rows = await uow.db.fetch(
        "SELECT * FROM stand WHERE starts_at >= $1 AND starts_at < $2 ORDER BY starts_at LIMIT $3", since, until, limit
    )
    return [_stand(row) for row in rows]


async def find_stand(uow: UnitOfWork, stand_id: StandId) -> StandCopy | None:
    row = await uow.db.fetchrow("SELECT * FROM stand WHERE stand_id = $1", stand_id)
    return _stand(row) if row else None


async def services_of(uow: UnitOfWork, stand_id: StandId) -> list[str]:
    return list(await uow.db.fetchval("SELECT services FROM stand WHERE stand_id = $1", stand_id) or [])


def _stand(row: Any) -> StandCopy:
    return StandCopy(
        StandId(row["stand_id"]),
        row["place"],
        row["starts_at"],
        row["ends_at"],
        row["cancelled"],
        row["occasion"],
        row["target_group"],
    )
