"""The waiting list of fully booked stands."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, or_, select, update
from wanderamt.backbone.persistence.tables import columns_of, has_constant, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.appointment import Citizen
from scheduling.domain.waiting_list import WaitingEntry
from scheduling.tables import AppointmentRow, SlotRow, StandRow, WaitingRow


async def is_waiting(uow: UnitOfWork, stand_id: StandId, service: str, address_hash: bytes) -> bool:
    """Whether this contact waits for the service at this stand."""
    query = select(WaitingRow.waiting_id).where(
        WaitingRow.stand_id == stand_id,
        WaitingRow.service == service,
        WaitingRow.address_hash == address_hash,
        col(WaitingRow.ended).is_(None),
    )
    return (await uow.session.exec(query)).first() is not None


async def add_waiting(uow: UnitOfWork, entry: WaitingEntry) -> None:
    values = columns_of(entry, WaitingRow) | columns_of(entry.citizen, WaitingRow)
    uow.session.add(WaitingRow(waiting_id=entry.id, **values, made_at=uow.now))
    await uow.session.flush()


async def first_waiting(uow: UnitOfWork, *, limit: int) -> list[WaitingEntry]:
    """Locks the oldest entries of contacts without an appointment, at stands that have not begun and have a place
    left."""
    free = select(SlotRow.stand_id).where(
        SlotRow.stand_id == WaitingRow.stand_id, col(SlotRow.booked) < SlotRow.capacity
    )
    query = (
        select(WaitingRow)
        .join(StandRow, col(StandRow.id) == WaitingRow.stand_id)
        .where(
            col(WaitingRow.ended).is_(None),
            or_(col(WaitingRow.retry_at).is_(None), col(WaitingRow.retry_at) <= uow.now),
            func.lower(StandRow.during) > uow.now,
            has_constant(StandRow.state, "confirmed"),
        )
        .where(free.exists(), ~_open_appointments(uow).exists())
        .order_by(col(WaitingRow.made_at), col(WaitingRow.waiting_id))
        .limit(limit)
        .with_for_update(of=WaitingRow, skip_locked=True)
    )
    rows = await uow.session.exec(query)
    return [
        WaitingEntry(row.waiting_id, StandId(row.stand_id), row.service, value_of(Citizen, row), row.holder)
        for row in rows
    ]


async def end_waiting(uow: UnitOfWork, waiting_id: UUID, outcome: str) -> None:
    await uow.session.exec(update(WaitingRow).where(col(WaitingRow.waiting_id) == waiting_id).values(ended=outcome))


async def end_waiting_of_booked(uow: UnitOfWork) -> None:
    """Of contacts with an appointment that they made: a code confirmed it, or the network that joined holds it. Any
    other may be a stranger's, who knows the number."""
    own = or_(col(AppointmentRow.confirmed_by_code), col(AppointmentRow.holder) == col(WaitingRow.holder))
    booked = update(WaitingRow).where(col(WaitingRow.ended).is_(None), _open_appointments(uow).where(own).exists())
    await uow.session.exec(booked.values(ended="other"))


async def pass_over(uow: UnitOfWork, waiting_ids: Collection[UUID], *, until: datetime) -> None:
    chosen = update(WaitingRow).where(is_any_of(WaitingRow.waiting_id, waiting_ids))
    await uow.session.exec(chosen.values(retry_at=until))


async def end_past_waiting(uow: UnitOfWork) -> None:
    over = or_(func.lower(StandRow.during) <= uow.now, ~has_constant(StandRow.state, "confirmed", "planned"))
    past = update(WaitingRow).where(col(StandRow.id) == WaitingRow.stand_id, col(WaitingRow.ended).is_(None), over)
    await uow.session.exec(past.values(ended="past"))


async def delete_contacts(uow: UnitOfWork, *, before: datetime) -> None:
    """Deletes contacts and hashes of ended entries made before this moment. The counts remain."""
    ended = col(WaitingRow.ended).is_not(None), col(WaitingRow.made_at) < before, col(WaitingRow.address_hash) != b""
    values: dict[str, Any] = {"contact": {}, "address_hash": b"", "birth_date_hash": b"", "holder": None}
    await uow.session.exec(update(WaitingRow).where(*ended).values(**values))


def _open_appointments(uow: UnitOfWork) -> Any:
    """Those of the contact of an entry that are not over."""
    return select(AppointmentRow.id).where(
        AppointmentRow.address_hash == WaitingRow.address_hash,
        col(AppointmentRow.ends_at) > uow.now,
        has_constant(AppointmentRow.state, "held", "booked", "needs_rebooking"),
    )
