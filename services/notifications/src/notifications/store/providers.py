"""Providers and receipts as operators see them, and tasks for staff."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from connector_kit.resilience.register_state import RegisterState
from sqlmodel import col, func, select, update
from wanderamt.backbone.persistence.tables import columns_of, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from notifications.domain.notice import Notice, StaffTask
from notifications.domain.traffic_weights import TrafficWeight
from notifications.store.provider_statements import KnownProviders
from notifications.tables import ProviderRow, ReceiptRow, TaskRow


async def find_providers(uow: UnitOfWork, weights: Mapping[str, float]) -> KnownProviders:
    rows = await uow.session.exec(select(ProviderRow).where(is_any_of(ProviderRow.name, weights)))
    known = {row.name: (row.state, row.weight.configured_as(weights[row.name])) for row in rows}
    return {name: known.get(name, (RegisterState(), TrafficWeight.full(weight))) for name, weight in weights.items()}


async def count_receipts(uow: UnitOfWork) -> dict[str, int]:
    statement = select(ReceiptRow.state, func.count()).group_by(ReceiptRow.state).order_by(ReceiptRow.state)
    return dict((await uow.session.exec(statement)).all())


async def redact_receipts(uow: UnitOfWork, before: datetime) -> int:
    done = (
        col(ReceiptRow.raw).is_not(None),
        col(ReceiptRow.next_attempt_at).is_(None),
        col(ReceiptRow.received_at) < before,
    )
    return (await uow.session.exec(update(ReceiptRow).where(*done).values(raw=None))).rowcount


async def add_tasks(uow: UnitOfWork, unreached: Iterable[tuple[Notice, str]]) -> None:
    """One task for each notice and reason."""
    for notice, reason in unreached:
        task = StaffTask(uow.new_id(), notice.id, notice.about, notice.about_id, notice.kind, reason, uow.now)
        uow.session.add(TaskRow(**columns_of(task)))
    await uow.session.flush()


async def open_tasks(uow: UnitOfWork, *, limit: int) -> list[StaffTask]:
    statement = select(TaskRow).where(col(TaskRow.done_at).is_(None)).order_by(col(TaskRow.raised_at)).limit(limit)
    return [value_of(StaffTask, row) for row in await uow.session.exec(statement)]


async def complete_task(uow: UnitOfWork, task_id: UUID, *, by: str) -> bool:
    """False if there is no such open task."""
    statement = update(TaskRow).where(col(TaskRow.task_id) == task_id, col(TaskRow.done_at).is_(None))
    return (await uow.session.exec(statement.values(done_at=uow.now, done_by=by))).rowcount == 1
