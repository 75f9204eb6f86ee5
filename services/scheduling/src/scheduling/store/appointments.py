"""Slots and appointments.

Kept true: slots are locked before appointments, in the order of stand and time, by everybody: nobody waits crosswise.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work, rows_changed
from wanderamt.contracts import Language, case_code
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.sealed import Sealed

from scheduling.domain.appointment import Appointment, Person, Slot, State

Place = tuple[UUID, datetime]


async def offer_slots(work: Work, stand_id: StandId, slots: Sequence[Slot]) -> None:
    """Of a stand that had none."""
    await work.db.execute(
        "INSERT INTO slot (stand_id, starts_at, capacity)"
        " SELECT $1, s, c FROM unnest($2::timestamptz[], $3::int[]) AS t(s, c) ON CONFLICT DO NOTHING",
        stand_id,
        [one.starts_at for one in slots],
        [one.capacity for one in slots],
    )


async def lock_slots(work: Work, places: Collection[Place]) -> dict[Place, int]:
    """Places left in each of these that exists."""
    ordered = sorted(set(places))
    rows = await work.db.fetch(
        """
        SELECT stand_id, starts_at, capacity - booked AS free FROM slot
        WHERE (stand_id, starts_at) IN (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]))
        ORDER BY stand_id, starts_at FOR UPDATE
        """,
        [stand_id for stand_id, _ in ordered],
        [at for _, at in ordered],
    )
    return {(row["stand_id"], row["starts_at"]): row["free"] for row in rows}


async def lock_slots_of(work: Work, stand_id: StandId) -> dict[datetime, int]:
    """Every slot of a stand, with what is booked."""
    rows = await work.db.fetch(
        "SELECT starts_at, booked FROM slot WHERE stand_id = $1 ORDER BY starts_at FOR UPDATE", stand_id
    )
    return {row["starts_at"]: row["booked"] for row in rows}


async def count_slots(work: Work, places: Sequence[Place], by: int) -> None:
    """Of locked slots. The check of the table is the last word."""
    await work.db.execute(
        """
        UPDATE slot s SET booked = booked + $3 FROM unnest($1::uuid[], $2::timestamptz[]) AS t(stand_id, starts_at)
        WHERE s.stand_id = t.stand_id AND s.starts_at = t.starts_at
        """,
        [stand_id for stand_id, _ in places],
        [at for _, at in places],
        by,
    )


async def replace_slots(work: Work, stand_id: StandId, slots: Sequence[Slot], booked: dict[datetime, int]) -> None:
    """All slots of a stand that were locked: those of its new window. `booked`: what has moved into them; a slot that
    got smaller than what is booked keeps them."""
    await work.db.execute("DELETE FROM slot WHERE stand_id = $1", stand_id)
    await work.db.execute(
        "INSERT INTO slot (stand_id, starts_at, capacity, booked)"
        " SELECT $1, s, greatest(c, b), b FROM unnest($2::timestamptz[], $3::int[], $4::int[]) AS t(s, c, b)",
        stand_id,
        [one.starts_at for one in slots],
        [one.capacity for one in slots],
        [booked.get(one.starts_at, 0) for one in slots],
    )


async def free_places(work: Work, stand_ids: Collection[UUID]) -> dict[UUID, dict[datetime, int]]:
    rows = await work.db.fetch(
        "SELECT stand_id, starts_at, capacity - booked AS free FROM slot"
        " WHERE stand_id = ANY($1::uuid[]) AND booked < capacity",
        list(stand_ids),
    )
    found: dict[UUID, dict[datetime, int]] = {}
    for row in rows:
        found.setdefault(row["stand_id"], {})[row["starts_at"]] = row["free"]
    return found


async def add_appointment(work: Work, one: Appointment, *, holder: bytes | None) -> None:
    await work.db.execute(
        """
        INSERT INTO appointment (appointment_id, stand_id, service, starts_at, ends_at, state, version, hold_until,
                                 language, contact, who, born, holder, code, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """,
        one.id,
        one.stand_id,
        one.service,
        one.starts_at,
        one.ends_at,
        one.state,
        one.version,
        one.hold_until,
        one.language,
        _sealed(one),
        one.who,
        one.born,
        holder,
        case_code(one.id),
        work.now,
    )


async def save_appointments(work: Work, those: Sequence[Appointment]) -> None:
    """Locked ones."""
    await work.db.executemany(
        """
        UPDATE appointment SET stand_id = $2, starts_at = $3, ends_at = $4, state = $5, version = $6, hold_until = $7,
            language = $8, contact = $9, who = $10, born = $11, arrived_at = $12, moves = $13 WHERE appointment_id = $1
        """,
        [
            (
                one.id,
                one.stand_id,
                one.starts_at,
                one.ends_at,
                one.state,
                one.version,
                one.hold_until,
                one.language,
                _sealed(one),
                one.who,
                one.born,
                one.arrived_at,
                one.moves,
            )
            for one in those
        ],
    )


async def find_appointment(work: Work, appointment_id: UUID) -> Appointment | None:
    row = await work.db.fetchrow("SELECT * FROM appointment WHERE appointment_id = $1", appointment_id)
    return _appointment(row) if row else None


async def lock_appointment(work: Work, appointment_id: UUID) -> Appointment | None:
    row = await work.db.fetchrow("SELECT * FROM appointment WHERE appointment_id = $1 FOR UPDATE", appointment_id)
    return _appointment(row) if row else None


async def appointments_of(
    work: Work, stand_id: StandId, *, states: Collection[State] = tuple(State)
) -> list[Appointment]:
    rows = await work.db.fetch(
        "SELECT * FROM appointment WHERE stand_id = $1 AND state = ANY($2::text[]) ORDER BY starts_at, appointment_id",
        stand_id,
        list(states),
    )
    return [_appointment(row) for row in rows]


async def lock_appointments_of(work: Work, stand_id: StandId, *, states: Collection[State]) -> list[Appointment]:
    rows = await work.db.fetch(
        "SELECT * FROM appointment WHERE stand_id = $1 AND state = ANY($2::text[]) ORDER BY appointment_id FOR UPDATE",
        stand_id,
        list(states),
    )
    return [_appointment(row) for row in rows]


async def overdue_holds(work: Work, *, limit: int) -> list[Appointment]:
    rows = await work.db.fetch(
        "SELECT * FROM appointment WHERE state = 'held' AND hold_until <= $1 ORDER BY hold_until LIMIT $2",
        work.now,
        limit,
    )
    return [_appointment(row) for row in rows]


async def drop_hold(work: Work, appointment_id: UUID) -> bool:
    """Whether it was still only held: whoever confirmed meanwhile keeps it."""
    status = await work.db.execute(
        "DELETE FROM appointment WHERE appointment_id = $1 AND state = 'held' AND hold_until <= $2",
        appointment_id,
        work.now,
    )
    return rows_changed(status) == 1


async def count_open(work: Work, who: bytes, *, but: UUID) -> int:
    return int(
        await work.db.fetchval(
            "SELECT count(*) FROM appointment WHERE who = $1 AND appointment_id <> $2"
            " AND state IN ('held', 'booked', 'conflict')",
            who,
            but,
        )
    )


async def count_holds(work: Work, holder: bytes) -> int:
    return int(
        await work.db.fetchval(
            "SELECT count(*) FROM appointment WHERE holder = $1 AND state = 'held' AND hold_until > $2",
            holder,
            work.now,
        )
    )


async def by_code(work: Work, code: str, *, within: timedelta) -> list[tuple[Appointment, int]]:
    """Those with this code, with how often somebody tried lately; this try counts."""
    rows = await work.db.fetch(
        """
        UPDATE appointment SET tried_at = $2, tries = CASE WHEN tried_at > $3 THEN tries + 1 ELSE 1 END
        WHERE code = $1 AND state <> 'held' RETURNING *
        """,
        code,
        work.now,
        work.now - within,
    )
    return [(_appointment(row), row["tries"]) for row in rows]


async def unserved_after(work: Work, *, grace: timedelta, limit: int) -> list[UUID]:
    """Booked, and their stand has closed, or ended so long ago."""
    rows = await work.db.fetch(
        """
        SELECT a.appointment_id FROM appointment a JOIN stand s USING (stand_id)
        WHERE a.state = 'booked' AND a.ends_at < $1 AND (s.state = 'closed' OR upper(s.during) < $2) LIMIT $3
        """,
        work.now,
        work.now - grace,
        limit,
    )
    return [row["appointment_id"] for row in rows]


async def add_waiting(work: Work, waiting_id: UUID, stand_id: StandId, service: str, person: Person) -> bool:
    """False: this person waits there for it already."""
    status = await work.db.execute(
        """
        INSERT INTO waiting (waiting_id, stand_id, service, language, contact, who, born, made_at)
        SELECT $1, $2, $3::text, $4, $5, $6::bytea, $7, $8 WHERE NOT EXISTS (
            SELECT 1 FROM waiting WHERE stand_id = $2 AND service = $3::text AND who = $6::bytea AND ended IS NULL)
        """,
        waiting_id,
        stand_id,
        service,
        person.language,
        person.contact.model_dump(mode="json"),
        person.who,
        person.born,
        work.now,
    )
    return rows_changed(status) == 1


async def first_waiting(work: Work, *, limit: int) -> list[tuple[UUID, StandId, str, Person]]:
    """In the order they came, of stands that have not begun and have a place left somewhere."""
    rows = await work.db.fetch(
        """
        SELECT w.* FROM waiting w JOIN stand s USING (stand_id)
        WHERE w.ended IS NULL AND lower(s.during) > $1 AND s.state = 'confirmed'
          AND EXISTS (SELECT 1 FROM slot WHERE slot.stand_id = w.stand_id AND booked < capacity)
        ORDER BY w.made_at, w.waiting_id LIMIT $2 FOR UPDATE OF w SKIP LOCKED
        """,
        work.now,
        limit,
    )
    return [
        (
            row["waiting_id"],
            StandId(row["stand_id"]),
            row["service"],
            Person(Language(row["language"]), Sealed.model_validate(row["contact"]), row["who"], row["born"]),
        )
        for row in rows
    ]


async def end_waiting(work: Work, waiting_id: UUID, how: str) -> None:
    await work.db.execute("UPDATE waiting SET ended = $2 WHERE waiting_id = $1", waiting_id, how)


async def forget_people(work: Work, *, before: datetime) -> int:
    """Address and date of birth of whoever came, or wanted to, before this moment. What is left are counts."""
    status = await work.db.execute(
        "UPDATE appointment SET contact = NULL, who = NULL, born = NULL, holder = NULL"
        " WHERE ends_at < $1 AND (contact IS NOT NULL OR born IS NOT NULL)",
        before,
    )
    await work.db.execute(
        "UPDATE waiting SET contact = '{}', who = '', born = '' WHERE ended IS NOT NULL AND made_at < $1 AND who <> ''",
        before,
    )
    return rows_changed(status)


async def end_past_waiting(work: Work) -> None:
    await work.db.execute(
        """
        UPDATE waiting w SET ended = 'past' FROM stand s
        WHERE s.stand_id = w.stand_id AND w.ended IS NULL
          AND (lower(s.during) <= $1 OR s.state NOT IN ('confirmed', 'planned'))
        """,
        work.now,
    )


def _sealed(one: Appointment) -> dict[str, Any] | None:
    return one.contact.model_dump(mode="json") if one.contact else None


def _appointment(row: Any) -> Appointment:
    return Appointment(
        id=row["appointment_id"],
        stand_id=StandId(row["stand_id"]),
        service=row["service"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        state=State(row["state"]),
        version=row["version"],
        hold_until=row["hold_until"],
        language=Language(row["language"]),
        contact=Sealed.model_validate(row["contact"]) if row["contact"] else None,
        who=row["who"],
        born=row["born"],
        arrived_at=row["arrived_at"],
        moves=row["moves"],
    )
