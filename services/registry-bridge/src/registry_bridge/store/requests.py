"""Requests as operators and file exchanges see them: counts, files, unreadable responses."""

from datetime import datetime
from uuid import UUID

from connector_kit.resilience.availability import Backlog
from sqlmodel import col, func, select, update
from wanderamt.backbone.persistence.tables import has_constant, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import RequestId

from registry_bridge.domain.request import RegisterRequest, RegisterRequestState
from registry_bridge.tables import RequestRow

_WAITING = has_constant(RequestRow.state, RegisterRequestState.WAITING)
_BACKLOG = func.count(), func.min(col(RequestRow.asked_at))


async def count_waiting(uow: UnitOfWork) -> dict[str, Backlog]:
    """By register; a register without waiting requests is absent."""
    name = col(RequestRow.register_name)
    rows = await uow.session.exec(select(name, *_BACKLOG).where(_WAITING).group_by(name).order_by(name))
    return {register: Backlog(waiting, oldest_at) for register, waiting, oldest_at in rows}


async def count_waiting_for(uow: UnitOfWork, register: str) -> Backlog:
    rows = await uow.session.exec(select(*_BACKLOG).where(_WAITING, RequestRow.register_name == register))
    waiting, oldest_at = rows.one()
    return Backlog(waiting, oldest_at)


async def count_for_files(uow: UnitOfWork, register: str) -> tuple[int, int]:
    """(requests in no file yet, requests in a file and not answered)."""
    in_file = func.count(col(RequestRow.file))
    statement = select(func.count() - in_file, in_file).where(_WAITING, RequestRow.register_name == register)
    waiting, outstanding = (await uow.session.exec(statement)).one()
    return waiting, outstanding


async def assign_to_file(uow: UnitOfWork, register: str, name: str) -> None:
    """Assigns all waiting requests that are in no file yet."""
    unassigned = _WAITING, col(RequestRow.register_name) == register, col(RequestRow.file).is_(None)
    await uow.session.exec(update(RequestRow).where(*unassigned).values(file=name))


async def leave_file(uow: UnitOfWork, request_id: RequestId) -> None:
    """The next file carries the request."""
    await uow.session.exec(update(RequestRow).where(col(RequestRow.id) == request_id).values(file=None))


async def find_checks_to_repeat(uow: UnitOfWork, queue: str, *, started_at: datetime, limit: int = 100) -> list[UUID]:
    """The failed jobs of this queue that were due before `started_at`, or whose body has a deadline that has passed;
    locked."""
    rows = await uow.db.fetch(
        """
        SELECT id FROM job WHERE queue = $1 AND status = 'failed'
           AND (run_at < $2 OR (body ->> 'deadline')::timestamptz <= $3) ORDER BY seq LIMIT $4 FOR UPDATE SKIP LOCKED
        """,
        queue,
        started_at,
        uow.now,
        limit,
    )
    return [row["id"] for row in rows]


async def find_in_file(uow: UnitOfWork, register: str, name: str) -> tuple[RegisterRequest, ...]:
    """The waiting requests of the file, in the order in which they were made."""
    statement = select(RequestRow).where(_WAITING, RequestRow.register_name == register, RequestRow.file == name)
    in_order = statement.order_by(col(RequestRow.asked_at), col(RequestRow.id))
    return tuple(map(_request, await uow.session.exec(in_order)))


async def find_waiting_asked_before(
    uow: UnitOfWork, register: str, operation: str, asked_before: datetime
) -> list[RegisterRequest]:
    """The requests still waiting, locked."""
    overdue = RequestRow.operation == operation, RequestRow.asked_at <= asked_before
    statement = select(RequestRow).where(_WAITING, RequestRow.register_name == register, *overdue)
    return list(map(_request, await uow.session.exec(statement.order_by(col(RequestRow.id)).with_for_update())))


async def save_unreadable_response(uow: UnitOfWork, request_id: RequestId, sealed: bytes) -> None:
    """Keeps the newest unreadable response, encrypted."""
    await uow.session.exec(
        update(RequestRow).where(col(RequestRow.id) == request_id).values(unreadable_response=sealed)
    )


async def find_unreadable_response(uow: UnitOfWork, request_id: RequestId) -> bytes | None:
    return (await uow.session.exec(select(RequestRow.unreadable_response).where(RequestRow.id == request_id))).first()


def _request(row: RequestRow) -> RegisterRequest:
    return value_of(RegisterRequest, row, register=row.register_name)
