"""Sessions of clerks on devices."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, StandId

from intake.tables import FieldSessionRow


@dataclass(frozen=True, slots=True)
class StoredSession:
    session_id: UUID
    officer: str
    device_id: DeviceId
    stand_id: StandId
    began_at: datetime
    until: datetime
    ended_at: datetime | None = None


async def add_session(uow: UnitOfWork, session: StoredSession) -> None:
    await uow.session.exec(insert(FieldSessionRow).values(columns_of(session)))


async def running_sessions(uow: UnitOfWork, *, limit: int) -> list[StoredSession]:
    """The newest first."""
    row = FieldSessionRow
    running = select(row).where(row.until > uow.now, col(row.ended_at).is_(None))
    newest = running.order_by(col(row.began_at).desc()).limit(limit)
    return [value_of(StoredSession, session) for session in await uow.session.exec(newest)]


async def count_sessions(uow: UnitOfWork, officer: str) -> int:
    """Those that run now."""
    row = FieldSessionRow
    running = select(func.count()).where(row.officer == officer, row.until > uow.now, col(row.ended_at).is_(None))
    return (await uow.session.exec(running)).one()


async def end_sessions_of_device(uow: UnitOfWork, device_id: DeviceId) -> list[UUID]:
    """The sessions that ran until now."""
    row = FieldSessionRow
    running = update(row).where(col(row.device_id) == device_id, col(row.until) > uow.now, col(row.ended_at).is_(None))
    ended = await uow.session.exec(running.values(ended_at=uow.now).returning(col(row.session_id)))
    return sorted(ended.scalars())


async def end_session(uow: UnitOfWork, session_id: UUID) -> bool:
    """False for a session that is unknown or over."""
    row = FieldSessionRow
    running = update(row).where(col(row.session_id) == session_id, col(row.until) > uow.now)
    return (await uow.session.exec(running.where(col(row.ended_at).is_(None)).values(ended_at=uow.now))).rowcount == 1
