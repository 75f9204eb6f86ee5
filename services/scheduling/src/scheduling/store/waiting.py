"""The waiting list of fully booked stands."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, or_, select, update
from wanderamt.backbone.persistence.tables import columns_of, has_constant, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.appointment import Citizen
from scheduling.tables import SlotRow, StandRow, WaitingRow


async def is_waiting(uow: UnitOfWork, stand_id: StandId, service: str, address_hash: bytes) -> bool:
    """Whether this contact waits for the service at this stand."""
    query = select(WaitingRow.waiting_id).where(
        WaitingRow.stand_id == stand_id,
        WaitingRow.service == service,
        WaitingRow.address_hash == address_hash,
        col(WaitingRow.ended).is_(None),
    )
    return (await uow.session.exec(query)).first() is not None


async def add_waiting(uow: UnitOfWork, waiting_id: UUID, stand_id: StandId, service: str, citizen: Citizen) -> None:
    values = columns_of(citizen, WaitingRow) | {"waiting_id": waiting_id, "stand_id": stand_id, "service": service}
    uow.session.add(WaitingRow(**values, made_at=uow.now))
    await uow.session.flush()


async def first_waiting(uow: UnitOfWork, *, limit: int) -> list[tuple[UUID, StandId, str, Citizen]]:
    """Locks the oldest entries of stands that have not begun and have a place left."""
    free = select(SlotRow.stand_id).where(
        SlotRow.stand_id == WaitingRow.stand_id, col(SlotRow.booked) < SlotRow.capacity
    )
    query = (
        select(WaitingRow)
        .join(StandRow, col(StandRow.id) == WaitingRow.stand_id)
        .where(
            col(WaitingRow.ended).is_(None),
            func.lower(StandRow.during) > uow.now,
            has_constant(StandRow.state, "confirmed"),
        )
        .where(free.exists())
        .order_by(col(WaitingRow.made_at), col(WaitingRow.waiting_id))
        .limit(limit)
        .with_for_update(of=WaitingRow, skip_locked=True)
    )
    rows = await uow.session.exec(query)
    return [(row.waiting_id, StandId(row.stand_id), row.service, value_of(Citizen, row)) for row in rows]


async def end_waiting(uow: UnitOfWork, waiting_id: UUID, outcome: str) -> None:
    await uow.session.exec(update(WaitingRow).where(col(WaitingRow.waiting_id) == waiting_id).values(ended=outcome))


async def end_past_waiting(uow: UnitOfWork) -> None:
    over = or_(func.lower(StandRow.during) <= uow.now, ~has_constant(StandRow.state, "confirmed", "planned"))
    past = update(WaitingRow).where(col(StandRow.id) == WaitingRow.stand_id, col(WaitingRow.ended).is_(None), over)
    await uow.session.exec(past.values(ended="past"))


async def delete_contacts(uow: UnitOfWork, *, before: datetime) -> None:
    """Deletes contacts and hashes of ended entries made before this moment. The counts remain."""
    ended = col(WaitingRow.ended).is_not(None), col(WaitingRow.made_at) < before, col(WaitingRow.address_hash) != b""
    await uow.session.exec(update(WaitingRow).where(*ended).values(contact={}, address_hash=b"", birth_date_hash=b""))
