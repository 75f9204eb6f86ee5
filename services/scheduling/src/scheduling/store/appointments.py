"""SQL of slots, appointments and the waiting list.

Invariants: every transaction locks slots before appointments, and slots in the order of stand and time, so that no
deadlock can occur.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.contracts import Language, case_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.sealed import Sealed

from scheduling.domain.appointment import Appointment, AppointmentState, Citizen, Slot

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


async def add_appointment(uow: UnitOfWork, appointment: Appointment, *, holder: bytes | None) -> None:
    await uow.db.execute(
        """
        INSERT INTO appointment (appointment_id, stand_id, service, starts_at, ends_at, state, version, hold_until,
                                 language, contact, address_hash, birth_date_hash, holder, code, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        appointment.id,
        appointment.stand_id,
        appointment.service,
        appointment.starts_at,
        appointment.ends_at,
        appointment.state,
        appointment.version,
        appointment.hold_until,
        appointment.language,
        _sealed_json(appointment),
        appointment.address_hash,
        appointment.birth_date_hash,
        holder,
        case_code(appointment.id),
        uow.now,
    )


async def save_appointments(uow: UnitOfWork, changed: Sequence[Appointment]) -> None:
    """Updates locked appointments."""
    await uow.db.executemany(
        """
        UPDATE appointment SET stand_id = $2, starts_at = $3, ends_at = $4, state = $5, version = $6, hold_until = $7,
            language = $8, contact = $9, address_hash = $10, birth_date_hash = $11, arrived_at = $12, moves = $13
        WHERE appointment_id = $1
        """,
        [
            (
                appointment.id,
                appointment.stand_id,
                appointment.starts_at,
                appointment.ends_at,
                appointment.state,
                appointment.version,
                appointment.hold_until,
                appointment.language,
                _sealed_json(appointment),
                appointment.address_hash,
                appointment.birth_date_hash,
                appointment.arrived_at,
                appointment.moves,
            )
            for appointment in changed
        ],
    )


async def find_appointment(uow: UnitOfWork, appointment_id: UUID) -> Appointment | None:
    row = await uow.db.fetchrow("SELECT * FROM appointment WHERE appointment_id = $1", appointment_id)
    return _appointment(row) if row else None


async def lock_appointment(uow: UnitOfWork, appointment_id: UUID) -> Appointment | None:
    row = await uow.db.fetchrow("SELECT * FROM appointment WHERE appointment_id = $1 FOR UPDATE", appointment_id)
    return _appointment(row) if row else None


async def appointments_of(
    uow: UnitOfWork, stand_id: StandId, *, states: Collection[AppointmentState] = tuple(AppointmentState)
) -> list[Appointment]:
    rows = await uow.db.fetch(
        "SELECT * FROM appointment WHERE stand_id = $1 AND state = ANY($2::text[]) ORDER BY starts_at, appointment_id",
        stand_id,
        list(states),
    )
    return [_appointment(row) for row in rows]


async def lock_appointments_of(
    uow: UnitOfWork, stand_id: StandId, *, states: Collection[AppointmentState]
) -> list[Appointment]:
    rows = await uow.db.fetch(
        "SELECT * FROM appointment WHERE stand_id = $1 AND state = ANY($2::text[]) ORDER BY appointment_id FOR UPDATE",
        stand_id,
        list(states),
    )
    return [_appointment(row) for row in rows]


async def overdue_holds(uow: UnitOfWork, *, limit: int) -> list[Appointment]:
    rows = await uow.db.fetch(
        "SELECT * FROM appointment WHERE state = 'held' AND hold_until <= $1 ORDER BY hold_until LIMIT $2",
        uow.now,
        limit,
    )
    return [_appointment(row) for row in rows]


async def drop_hold(uow: UnitOfWork, appointment_id: UUID) -> bool:
    """Deletes an expired hold. False: it was booked in the meantime."""
    status = await uow.db.execute(
        "DELETE FROM appointment WHERE appointment_id = $1 AND state = 'held' AND hold_until <= $2",
        appointment_id,
        uow.now,
    )
    return rows_changed(status) == 1


async def count_open(uow: UnitOfWork, address_hash: bytes, *, except_id: UUID) -> int:
    return int(
        await uow.db.fetchval(
            "SELECT count(*) FROM appointment WHERE address_hash = $1 AND appointment_id <> $2"
            " AND state IN ('held', 'booked', 'needs_rebooking')",
            address_hash,
            except_id,
        )
    )


async def count_holds(uow: UnitOfWork, holder: bytes) -> int:
    return int(
        await uow.db.fetchval(
            "SELECT count(*) FROM appointment WHERE holder = $1 AND state = 'held' AND hold_until > $2",
            holder,
            uow.now,
        )
    )


async def by_code(uow: UnitOfWork, code: str, *, within: timedelta) -> list[tuple[Appointment, int]]:
    """The appointments with this code, each with the number of tries in this period, the current one included."""
    rows = await uow.db.fetch(
        """
        UPDATE appointment SET tried_at = $2, tries = CASE WHEN tried_at > $3 THEN tries + 1 ELSE 1 END
        WHERE code = $1 AND state <> 'held' RETURNING *
        """,
        code,
        uow.now,
        uow.now - within,
    )
    return [(_appointment(row), row["tries"]) for row in rows]


async def unserved_after(uow: UnitOfWork, *, grace: timedelta, limit: int) -> list[UUID]:
    """Booked appointments whose stand has closed, or ended longer than `grace` ago."""
    rows = await uow.db.fetch(
        """
        SELECT a.appointment_id FROM appointment a JOIN stand s USING (stand_id)
        WHERE a.state = 'booked' AND a.ends_at < $1 AND (s.state = 'closed' OR upper(s.during) < $2) LIMIT $3
        """,
        uow.now,
        uow.now - grace,
        limit,
    )
    return [row["appointment_id"] for row in rows]


async def add_waiting(uow: UnitOfWork, waiting_id: UUID, stand_id: StandId, service: str, citizen: Citizen) -> bool:
    """False: this address already waits for the service at this stand."""
    status = await uow.db.execute(
        """
        INSERT INTO waiting (waiting_id, stand_id, service, language, contact, address_hash, birth_date_hash,
                             made_at)
        SELECT $1, $2, $3::text, $4, $5, $6::bytea, $7, $8 WHERE NOT EXISTS (
            SELECT 1 FROM waiting
            WHERE stand_id = $2 AND service = $3::text AND address_hash = $6::bytea AND ended IS NULL)
        """,
        waiting_id,
        stand_id,
        service,
        citizen.language,
        citizen.contact.model_dump(mode="json"),
        citizen.address_hash,
        citizen.birth_date_hash,
        uow.now,
    )
    return rows_changed(status) == 1


async def first_waiting(uow: UnitOfWork, *, limit: int) -> list[tuple[UUID, StandId, str, Citizen]]:
    """Locks the oldest entries of stands that have not begun and have a place left."""
    rows = await uow.db.fetch(
        """
        SELECT w.* FROM waiting w JOIN stand s USING (stand_id)
        WHERE w.ended IS NULL AND lower(s.during) > $1 AND s.state = 'confirmed'
          AND EXISTS (SELECT 1 FROM slot WHERE slot.stand_id = w.stand_id AND booked < capacity)
        ORDER BY w.made_at, w.waiting_id LIMIT $2 FOR UPDATE OF w SKIP LOCKED
        """,
        uow.now,
        limit,
    )
    return [
        (
            row["waiting_id"],
            StandId(row["stand_id"]),
            row["service"],
            Citizen(
                Language(row["language"]),
                Sealed.model_validate(row["contact"]),
                row["address_hash"],
                row["birth_date_hash"],
            ),
        )
        for row in rows
    ]


async def end_waiting(uow: UnitOfWork, waiting_id: UUID, outcome: str) -> None:
    await uow.db.execute("UPDATE waiting SET ended = $2 WHERE waiting_id = $1", waiting_id, outcome)


async def delete_contacts(uow: UnitOfWork, *, before: datetime) -> int:
    """Deletes contacts and hashes of appointments and waiting-list entries before this moment. The counts remain."""
    status = await uow.db.execute(
        "UPDATE appointment SET contact = NULL, address_hash = NULL, birth_date_hash = NULL, holder = NULL"
        " WHERE ends_at < $1 AND (contact IS NOT NULL OR birth_date_hash IS NOT NULL)",
        before,
    )
    await uow.db.execute(
        "UPDATE waiting SET contact = '{}', address_hash = '', birth_date_hash = ''"
        " WHERE ended IS NOT NULL AND made_at < $1 AND address_hash <> ''",
        before,
    )
    return rows_changed(status)


async def end_past_waiting(uow: UnitOfWork) -> None:
    await uow.db.execute(
        """
        UPDATE waiting w SET ended = 'past' FROM stand s
        WHERE s.stand_id = w.stand_id AND w.ended IS NULL
          AND (lower(s.during) <= $1 OR s.state NOT IN ('confirmed', 'planned'))
        """,
        uow.now,
    )


def _sealed_json(appointment: Appointment) -> dict[str, Any] | None:
    return appointment.contact.model_dump(mode="json") if appointment.contact else None


def _appointment(row: Any) -> Appointment:
    return Appointment(
        id=row["appointment_id"],
        stand_id=StandId(row["stand_id"]),
        service=row["service"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        state=AppointmentState(row["state"]),
        version=row["version"],
        hold_until=row["hold_until"],
        language=Language(row["language"]),
        contact=Sealed.model_validate(row["contact"]) if row["contact"] else None,
        address_hash=row["address_hash"],
        birth_date_hash=row["birth_date_hash"],
        arrived_at=row["arrived_at"],
        moves=row["moves"],
    )
