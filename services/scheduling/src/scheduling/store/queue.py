"""Tickets, and who is called to which desk. `queue_statements` reads the whole queue."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.queue import QueueEntryKind, TicketState
from scheduling.tables import AppointmentRow, TicketRow


async def add_ticket(
    uow: UnitOfWork, ticket_id: UUID, stand_id: StandId, *, label: str, service: str, issued_at: datetime
) -> bool:
    """False: the id or the label exists already."""
    ticket = insert(TicketRow).values(
        ticket_id=ticket_id, stand_id=stand_id, label=label, service=service, issued_at=issued_at, state="waiting"
    )
    return (await uow.session.exec(ticket.on_conflict_do_nothing())).rowcount == 1


async def find_ticket(uow: UnitOfWork, ticket_id: UUID) -> tuple[StandId, str, str] | None:
    """(stand, label, service)."""
    query = select(TicketRow.stand_id, TicketRow.label, TicketRow.service).where(TicketRow.ticket_id == ticket_id)
    row = (await uow.session.exec(query)).first()
    return (StandId(row[0]), row[1], row[2]) if row else None


async def call(uow: UnitOfWork, kind: QueueEntryKind, id_: UUID, *, desk: str) -> None:
    if kind is QueueEntryKind.TICKET:
        called = update(TicketRow).where(col(TicketRow.ticket_id) == id_).values(state="called")
    else:
        called = update(AppointmentRow).where(col(AppointmentRow.id) == id_)
    await uow.session.exec(called.values(called_at=uow.now, desk=desk))


async def end_ticket(uow: UnitOfWork, ticket_id: UUID, stand_id: StandId, state: TicketState) -> bool:
    """`WAITING` puts the ticket back. False: the ticket does not exist or was not called."""
    called = update(TicketRow).where(
        col(TicketRow.ticket_id) == ticket_id,
        col(TicketRow.stand_id) == stand_id,
        col(TicketRow.state).in_((TicketState.CALLED, state)),
    )
    times = {"ended_at": None, "called_at": None} if state is TicketState.WAITING else {"ended_at": uow.now}
    return (await uow.session.exec(called.values(state=state, **times))).rowcount == 1


async def uncall_appointment(uow: UnitOfWork, appointment_id: UUID) -> bool:
    """False: it was not called."""
    called = update(AppointmentRow).where(
        col(AppointmentRow.id) == appointment_id, col(AppointmentRow.called_at).is_not(None)
    )
    return (await uow.session.exec(called.values(called_at=None, desk=None))).rowcount == 1
