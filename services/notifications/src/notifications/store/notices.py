"""Notices as staff, operators and the retention see them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, func, or_, select, update
from wanderamt.backbone.persistence.tables import is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from notifications.domain.kinds import AboutRef
from notifications.domain.notice import Notice, NoticeState
from notifications.tables import NoticeRow

REDACT_BATCH_SIZE = 2_000


async def find_notices(uow: UnitOfWork, ref: AboutRef) -> list[Notice]:
    statement = select(NoticeRow).where(NoticeRow.about_id == ref.id, NoticeRow.about == ref.about)
    rows = await uow.session.exec(statement.order_by(col(NoticeRow.created_at)))
    return [value_of(Notice, row) for row in rows]


async def find_notice(uow: UnitOfWork, notice_id: UUID) -> Notice | None:
    row = (await uow.session.exec(select(NoticeRow).where(NoticeRow.id == notice_id))).first()
    return value_of(Notice, row) if row else None


async def lock_without_receipt(
    uow: UnitOfWork, providers: Collection[str], after: timedelta, *, limit: int
) -> list[Notice]:
    """Notices of these providers, sent or unknown for longer than `after`."""
    statement = (
        select(NoticeRow)
        .where(col(NoticeRow.state).in_((NoticeState.SENT, NoticeState.UNKNOWN)))
        .where(col(NoticeRow.ended_at) < uow.now - after, is_any_of(NoticeRow.provider, providers))
        .order_by(col(NoticeRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [value_of(Notice, row) for row in await uow.session.exec(statement)]


async def redact(uow: UnitOfWork, before: datetime) -> int:
    """Deletes recipient and content of notices that ended before then. The row stays for counts."""
    has_content = or_(col(NoticeRow.address).is_not(None), col(NoticeRow.variables).is_not(None))
    ended = select(NoticeRow.id).where(col(NoticeRow.ended_at) < before, has_content).limit(REDACT_BATCH_SIZE)
    batch = ended.with_for_update(skip_locked=True).cte()
    statement = update(NoticeRow).where(col(NoticeRow.id).in_(select(batch.c.id)))
    return (await uow.session.exec(statement.values(address=None, variables=None))).rowcount


async def count_by_state(uow: UnitOfWork) -> dict[str, int]:
    statement = select(NoticeRow.state, func.count()).group_by(NoticeRow.state).order_by(NoticeRow.state)
    return dict((await uow.session.exec(statement)).all())


async def count_by_outcome(uow: UnitOfWork) -> list[dict[str, Any]]:
    count = func.count().label("notices")
    outcome = [getattr(NoticeRow, name) for name in ("kind", "channel", "state", "reason", "provider")]
    columns: list[Any] = [*outcome, count]
    statement = select(*columns).group_by(*outcome).order_by(NoticeRow.kind, NoticeRow.channel, count.desc())
    return [row._asdict() for row in await uow.session.exec(statement)]
