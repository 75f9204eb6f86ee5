"""Appointments. Their slots are in `slot_statements`, the waiting list in `waiting`.

Invariants: every transaction locks slots before appointments, so that no deadlock can occur.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, delete, func, or_, select, update
from wanderamt.backbone.persistence.tables import columns_of, has_constant, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import case_code
from wanderamt.kernel.ids import StandId

from scheduling.domain.appointment import SLOT, Appointment, AppointmentState
from scheduling.domain.booking_limits import NetworkBookings
from scheduling.tables import AppointmentRow, StandRow


async def add_appointment(uow: UnitOfWork, appointment: Appointment, *, holder: bytes | None) -> None:
    code = case_code(appointment.id)
    uow.session.add(AppointmentRow(**columns_of(appointment), holder=holder, code=code, made_at=uow.now))
    await uow.session.flush()


async def save_appointments(uow: UnitOfWork, changed: Sequence[Appointment]) -> None:
    """Updates locked appointments."""
    if changed:
        await uow.session.exec(update(AppointmentRow), params=[columns_of(appointment) for appointment in changed])


async def find_appointment(uow: UnitOfWork, appointment_id: UUID, *, lock: bool = False) -> Appointment | None:
    query = select(AppointmentRow).where(AppointmentRow.id == appointment_id)
    row = (await uow.session.exec(query.with_for_update() if lock else query)).first()
    return value_of(Appointment, row) if row else None


async def lock_appointment(uow: UnitOfWork, appointment_id: UUID) -> Appointment | None:
    return await find_appointment(uow, appointment_id, lock=True)


async def appointments_of(
    uow: UnitOfWork, stand_id: StandId, *, states: Collection[AppointmentState] = tuple(AppointmentState)
) -> list[Appointment]:
    query = select(AppointmentRow).where(AppointmentRow.stand_id == stand_id, is_any_of(AppointmentRow.state, states))
    rows = await uow.session.exec(query.order_by(col(AppointmentRow.starts_at), col(AppointmentRow.id)))
    return [value_of(Appointment, row) for row in rows]


async def lock_appointments_of(
    uow: UnitOfWork, stand_id: StandId, *, states: Collection[AppointmentState]
) -> list[Appointment]:
    query = select(AppointmentRow).where(AppointmentRow.stand_id == stand_id, is_any_of(AppointmentRow.state, states))
    rows = await uow.session.exec(query.order_by(col(AppointmentRow.id)).with_for_update())
    return [value_of(Appointment, row) for row in rows]


async def overdue_holds(uow: UnitOfWork, *, limit: int) -> list[Appointment]:
    query = select(AppointmentRow).where(
        has_constant(AppointmentRow.state, "held"), col(AppointmentRow.hold_until) <= uow.now
    )
    rows = await uow.session.exec(query.order_by(col(AppointmentRow.hold_until)).limit(limit))
    return [value_of(Appointment, row) for row in rows]


async def drop_hold(uow: UnitOfWork, expired: Appointment) -> bool:
    """Deletes an expired hold as it was read. False: it was booked, or moved with its stand, in the meantime."""
    unchanged = col(AppointmentRow.id) == expired.id, col(AppointmentRow.version) == expired.version
    dropped = await uow.session.exec(
        delete(AppointmentRow).where(*unchanged, has_constant(AppointmentRow.state, "held"))
    )
    return dropped.rowcount == 1


async def count_open(uow: UnitOfWork, address_hash: bytes, *, except_id: UUID | None = None) -> int:
    """Open appointments of a contact that are not over."""
    query = select(func.count()).where(
        AppointmentRow.address_hash == address_hash,
        col(AppointmentRow.id).is_distinct_from(except_id),
        col(AppointmentRow.ends_at) > uow.now,
        has_constant(AppointmentRow.state, "held", "booked", "needs_rebooking"),
    )
    return (await uow.session.exec(query)).one()


async def bookings_of_network(uow: UnitOfWork, holder: bytes, stand_id: StandId) -> NetworkBookings:
    """What a network holds and has booked, and its places at this stand. Expired holds count until they are released:
    they still take a place."""
    held = has_constant(AppointmentRow.state, "held")
    places = func.extract("epoch", col(AppointmentRow.ends_at) - col(AppointmentRow.starts_at)) / SLOT.total_seconds()
    query = select(
        func.count().filter(held, col(AppointmentRow.hold_until) > uow.now),
        func.count().filter(~held),
        func.coalesce(func.sum(places).filter(col(AppointmentRow.stand_id) == stand_id), 0),
    ).where(
        AppointmentRow.holder == holder,
        col(AppointmentRow.ends_at) > uow.now,
        has_constant(AppointmentRow.state, "held", "booked", "needs_rebooking"),
    )
    held_now, booked, at_stand = (await uow.session.exec(query)).one()
    return NetworkBookings(held_now, booked, int(at_stand))


async def find_holder(uow: UnitOfWork, appointment_id: UUID) -> bytes | None:
    """The keyed hash of the network that held the time."""
    return (await uow.session.exec(select(AppointmentRow.holder).where(AppointmentRow.id == appointment_id))).first()


async def by_code(uow: UnitOfWork, code: str) -> list[Appointment]:
    query = select(AppointmentRow).where(AppointmentRow.code == code, ~has_constant(AppointmentRow.state, "held"))
    return [value_of(Appointment, row) for row in await uow.session.exec(query)]


async def unserved_after(uow: UnitOfWork, *, grace: timedelta, limit: int) -> list[UUID]:
    """Booked appointments whose stand has closed, or ended longer than `grace` ago."""
    query = select(AppointmentRow.id).join(StandRow, col(StandRow.id) == AppointmentRow.stand_id)
    ended = or_(has_constant(StandRow.state, "closed"), func.upper(StandRow.during) < uow.now - grace)
    rows = await uow.session.exec(
        query.where(has_constant(AppointmentRow.state, "booked"), AppointmentRow.ends_at < uow.now, ended).limit(limit)
    )
    return list(rows)


async def delete_contacts(uow: UnitOfWork, *, before: datetime) -> None:
    """Deletes contacts and hashes of appointments before this moment. The counts remain."""
    known = or_(col(AppointmentRow.contact).is_not(None), col(AppointmentRow.birth_date_hash).is_not(None))
    deleted = update(AppointmentRow).where(col(AppointmentRow.ends_at) < before, known)
    values = dict.fromkeys(("contact", "address_hash", "birth_date_hash", "holder"))
    await uow.session.exec(deleted.values(**values))
