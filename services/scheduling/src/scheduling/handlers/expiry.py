"""What ends by itself: holds that nobody confirmed, appointments that nobody came to, contacts that nobody needs.

Invariants: an expired hold releases exactly the places that it has, and once.
"""

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from scheduling.handlers.appointments import record_attendance
from scheduling.handlers.context import SchedulingContext
from scheduling.store import appointments, contact_codes, slot_statements, waiting

BATCH_SIZE = 200


async def release_holds(uow: UnitOfWork) -> int:
    """Releases the places of expired holds."""
    expired = await appointments.overdue_holds(uow, limit=BATCH_SIZE)
    slots = [(appointment.stand_id, slot) for appointment in expired for slot in appointment.slots]
    await slot_statements.lock_slots(uow, slots)
    for appointment in expired:
        if await appointments.drop_hold(uow, appointment):
            slots = [(appointment.stand_id, slot) for slot in appointment.slots]
            await slot_statements.change_booked(uow, slots, -1)
    return len(expired)


async def mark_no_shows(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Booked appointments of stands that are over become no-shows."""
    absent = await appointments.unserved_after(uow, grace=context.no_show_grace, limit=BATCH_SIZE)
    for id_ in absent:
        await record_attendance(id_, uow, attended=False)
    return len(absent)


async def anonymise(uow: UnitOfWork, *, context: SchedulingContext) -> int:
    """Deletes contacts and hashes of past appointments. Returns 0: one run deletes everything that is due."""
    before = uow.now - context.contact_retention
    await appointments.delete_contacts(uow, before=before)
    await waiting.delete_contacts(uow, before=before)
    await contact_codes.delete_expired(uow)
    return 0
