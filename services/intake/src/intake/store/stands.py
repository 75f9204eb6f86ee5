"""A projection of the stands topic, so that opening a case never calls scheduling."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandMoved, StandScheduled
from wanderamt.kernel.ids import StandId

from intake.domain.report import StandCopy
from intake.tables import IntakeStandRow

_MOVED = ("place", "starts_at", "ends_at", "services")
_ANNOUNCED = (*_MOVED, "occasion", "target_group")


async def save_stand(uow: UnitOfWork, event: StandScheduled) -> None:
    """A stand that is announced again stays cancelled if it was."""
    announced = _columns(event, _ANNOUNCED)
    inserted = insert(IntakeStandRow).values(announced | {"stand_id": event.stand_id, "cancelled": False})
    await uow.session.exec(inserted.on_conflict_do_update(index_elements=["stand_id"], set_=announced))


async def move_stand(uow: UnitOfWork, event: StandMoved) -> None:
    moved = update(IntakeStandRow).where(col(IntakeStandRow.stand_id) == event.stand_id)
    await uow.session.exec(moved.values(_columns(event, _MOVED)))


async def cancel_stand(uow: UnitOfWork, stand_id: StandId) -> None:
    cancelled = update(IntakeStandRow).where(col(IntakeStandRow.stand_id) == stand_id)
    await uow.session.exec(cancelled.values(cancelled=True))


async def all_stands(uow: UnitOfWork) -> list[StandCopy]:
    stands = select(IntakeStandRow).order_by(col(IntakeStandRow.starts_at)).limit(500)
    return [value_of(StandCopy, row) for row in await uow.session.exec(stands)]


async def stands_between(uow: UnitOfWork, *, since: datetime, until: datetime, limit: int) -> list[StandCopy]:
    """Stands that begin in [since, until), in order of time."""
    stands = select(IntakeStandRow).where(IntakeStandRow.starts_at >= since, IntakeStandRow.starts_at < until)
    in_order = stands.order_by(col(IntakeStandRow.starts_at)).limit(limit)
    return [value_of(StandCopy, row) for row in await uow.session.exec(in_order)]


async def find_stand(uow: UnitOfWork, stand_id: StandId) -> StandCopy | None:
    stand = select(IntakeStandRow).where(IntakeStandRow.stand_id == stand_id)
    row = (await uow.session.exec(stand)).first()
    return value_of(StandCopy, row) if row else None


def _columns(event: StandScheduled | StandMoved, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}
