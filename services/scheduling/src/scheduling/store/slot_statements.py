"""Hand-written statements of slots: many rows per statement, because every booking waits for these locks.

Invariants: every transaction locks slots before appointments, and slots in the order of stand and time, so that no
deadlock can occur.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from scheduling.domain.appointment import Slot

SlotKey = tuple[UUID, datetime]
"""(stand, start)"""


async def offer_slots(uow: UnitOfWork, stand_id: StandId, slots: Sequence[Slot]) -> None:
    """The first slots of a stand; slots that exist already stay unchanged."""
    await uow.db.execute(
        "INSERT INTO slot (stand_id, starts_at, capacity)"
        " SELECT $1, s, c FROM unnest($2::timestamptz[], $3::int[]) AS t(s, c) ON CONFLICT DO NOTHING",
        stand_id,
        [slot.starts_at for slot in slots],
        [slot.capacity for slot in slots],
    )


async def lock_slots(uow: UnitOfWork, keys: Collection[SlotKey]) -> dict[SlotKey, int]:
    """Locks the slots. Returns the places left in each of them; slots that do not exist are missing."""
    ordered = sorted(set(keys))
    rows = await uow.db.fetch(
        """
        SELECT stand_id, starts_at, capacity - booked AS free FROM slot
        WHERE (stand_id, starts_at) IN (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]))
        ORDER BY stand_id, starts_at FOR UPDATE
        """,
        [stand_id for stand_id, _ in ordered],
        [at for _, at in ordered],
    )
    return {(row["stand_id"], row["starts_at"]): row["free"] for row in rows}


async def lock_slots_of(uow: UnitOfWork, stand_id: StandId) -> dict[datetime, int]:
    """Locks every slot of a stand. Returns the number of bookings by start."""
    rows = await uow.db.fetch(
        "SELECT starts_at, booked FROM slot WHERE stand_id = $1 ORDER BY starts_at FOR UPDATE", stand_id
    )
    return {row["starts_at"]: row["booked"] for row in rows}


async def places_of(uow: UnitOfWork, stand_id: StandId) -> int:
    """The places of all slots of a stand, free or not."""
    places: int = await uow.db.fetchval("SELECT coalesce(sum(capacity), 0) FROM slot WHERE stand_id = $1", stand_id)
    return places


async def change_booked(uow: UnitOfWork, keys: Sequence[SlotKey], by: int) -> None:
    """Changes the counters of locked slots. The check constraint of the table refuses an overbooked slot."""
    await uow.db.execute(
        """
        UPDATE slot s SET booked = booked + $3 FROM unnest($1::uuid[], $2::timestamptz[]) AS t(stand_id, starts_at)
        WHERE s.stand_id = t.stand_id AND s.starts_at = t.starts_at
        """,
        [stand_id for stand_id, _ in keys],
        [at for _, at in keys],
        by,
    )


async def replace_slots(uow: UnitOfWork, stand_id: StandId, slots: Sequence[Slot], booked: dict[datetime, int]) -> None:
    """Replaces all locked slots of a stand by those of its new window.

    `booked`: bookings that moved into each slot; a slot with a smaller capacity keeps them all.
    """
    await uow.db.execute("DELETE FROM slot WHERE stand_id = $1", stand_id)
    await uow.db.execute(
        "INSERT INTO slot (stand_id, starts_at, capacity, booked)"
        " SELECT $1, s, greatest(c, b), b FROM unnest($2::timestamptz[], $3::int[], $4::int[]) AS t(s, c, b)",
        stand_id,
        [slot.starts_at for slot in slots],
        [slot.capacity for slot in slots],
        [booked.get(slot.starts_at, 0) for slot in slots],
    )


async def free_places(uow: UnitOfWork, stand_ids: Collection[UUID]) -> dict[UUID, dict[datetime, int]]:
    """Places left, by stand and slot; full slots are left out."""
    rows = await uow.db.fetch(
        "SELECT stand_id, starts_at, capacity - booked AS free FROM slot"
        " WHERE stand_id = ANY($1::uuid[]) AND booked < capacity",
        list(stand_ids),
    )
    free: dict[UUID, dict[datetime, int]] = {}
    for row in rows:
        free.setdefault(row["stand_id"], {})[row["starts_at"]] = row["free"]
    return free
