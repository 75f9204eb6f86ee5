"""Citizens as far as notices go: what they wait for, what they agreed to, what they prefer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.work import Work, rows_changed
from wanderamt.contracts import Channel
from wanderamt.kernel.sealed import Sealed

from notifications.domain.citizen import Standing, Subject
from notifications.domain.kinds import About

NOTICES = "notices"  # the purpose of every consent here
REDACT_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Consent:
    person: bytes
    channel: Channel
    source: UUID
    wording: str


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of an address."""

    consented: bool
    channel: Channel | None
    language: str | None
    told_today: int


@dataclass(frozen=True, slots=True)
class Subscription:
    person: bytes
    contact: Sealed
    subject_id: UUID
    language: str


async def lock_subjects(work: Work, ids: Iterable[UUID]) -> dict[UUID, Subject]:
    rows = await work.db.fetch(
        "SELECT * FROM subject WHERE subject_id = ANY($1::uuid[]) ORDER BY subject_id FOR UPDATE", list(ids)
    )
    return {row["subject_id"]: _subject(row) for row in rows}


async def lock_subjects_of_stands(work: Work, stands: Iterable[UUID]) -> list[Subject]:
    """Appointments that are still to come there."""
    rows = await work.db.fetch(
        """
        SELECT * FROM subject WHERE stand_id = ANY($1::uuid[]) AND closed_at IS NULL AND starts_at > $2
        ORDER BY subject_id FOR UPDATE
        """,
        list(stands),
        work.now,
    )
    return [_subject(row) for row in rows]


async def save_subjects(work: Work, subjects: Iterable[Subject]) -> None:
    written = [_written(one) for one in sorted(subjects, key=lambda one: one.id)]
    if not written:
        return
    await work.db.execute(
        """
        INSERT INTO subject SELECT * FROM json_populate_recordset(NULL::subject, $1::json)
        ON CONFLICT (subject_id) DO UPDATE SET language = excluded.language,
            contact = coalesce(excluded.contact, subject.contact), standing = excluded.standing,
            stage = excluded.stage, round = excluded.round, number = excluded.number, stand_id = excluded.stand_id,
            place = excluded.place, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
            changed_at = excluded.changed_at, closed_at = excluded.closed_at
        """,
        to_json(written).decode(),
    )


async def find_subjects_by_code(work: Work, code: str) -> list[Subject]:
    rows = await work.db.fetch("SELECT * FROM subject WHERE code = $1 LIMIT 5", code)
    return [_subject(row) for row in rows]


async def find_subject(work: Work, subject_id: UUID) -> Subject | None:
    row = await work.db.fetchrow("SELECT * FROM subject WHERE subject_id = $1", subject_id)
    return _subject(row) if row else None


async def redact_subjects(work: Work, closed_before: datetime, silent_since: datetime) -> int:
    """Contacts of what is over, or of what nothing was heard of for long."""
    status = await work.db.execute(
        """
        UPDATE subject SET contact = NULL, place = '', number = '' WHERE subject_id = ANY (ARRAY(
            SELECT subject_id FROM subject WHERE contact IS NOT NULL AND (closed_at < $1 OR changed_at < $2
                OR (about = 'appointment' AND ends_at < $1)) LIMIT $3 FOR UPDATE SKIP LOCKED))
        """,
        closed_before,
        silent_since,
        REDACT_AT_ONCE,
    )
    return rows_changed(status)


async def add_consents(work: Work, consents: Sequence[Consent]) -> None:
    """Once for each case: what was withdrawn stays withdrawn until the citizen agrees anew, for another case."""
    if not consents:
        return
    await work.db.execute(
        """
        INSERT INTO consent (person, channel, purpose, source, wording, given_at)
        SELECT person, channel, $5, source, wording, $6
        FROM unnest($1::bytea[], $2::text[], $3::uuid[], $4::text[]) AS c(person, channel, source, wording)
        ORDER BY person, source ON CONFLICT DO NOTHING
        """,
        [one.person for one in consents],
        [one.channel.value for one in consents],
        [one.source for one in consents],
        [one.wording for one in consents],
        NOTICES,
        work.now,
    )


async def withdraw_consents(work: Work, persons: Sequence[bytes], *, by: str) -> int:
    status = await work.db.execute(
        """
        UPDATE consent SET withdrawn_at = $2, withdrawn_by = $3
        WHERE person = ANY($1::bytea[]) AND withdrawn_at IS NULL
        """,
        list(persons),
        work.now,
        by,
    )
    await work.db.execute("DELETE FROM subscription WHERE person = ANY($1::bytea[])", list(persons))
    return rows_changed(status)


async def habits_of(work: Work, persons: Iterable[bytes], *, since: datetime) -> dict[bytes, Habits]:
    """`since`: when the citizen's day began."""
    rows = await work.db.fetch(
        """
        SELECT p.person,
               EXISTS (SELECT 1 FROM consent c WHERE c.person = p.person AND c.withdrawn_at IS NULL) AS consented,
               f.channel, f.language,
               (SELECT count(*) FROM notice n WHERE n.person = p.person AND n.decided_at >= $2
                AND n.state <> 'dropped') AS today
        FROM unnest($1::bytea[]) AS p(person) LEFT JOIN preference f ON f.person = p.person
        """,
        list(persons),
        since,
    )
    return {
        row["person"]: Habits(
            row["consented"], Channel(row["channel"]) if row["channel"] else None, row["language"], row["today"]
        )
        for row in rows
    }


async def set_preference(work: Work, person: bytes, *, channel: Channel | None, language: str | None) -> None:
    await work.db.execute(
        """
        INSERT INTO preference (person, channel, language, changed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person) DO UPDATE SET channel = excluded.channel, language = excluded.language,
            changed_at = excluded.changed_at
        """,
        person,
        channel.value if channel else None,
        language,
        work.now,
    )


async def see_districts(work: Work, names: Iterable[str]) -> None:
    await work.db.execute(
        """
        INSERT INTO district SELECT name, $2 FROM unnest($1::text[]) AS d(name) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at
        """,
        sorted(set(names)),
        work.now,
    )


async def districts(work: Work) -> list[str]:
    return [row["name"] for row in await work.db.fetch("SELECT name FROM district ORDER BY name")]


async def set_subscriptions(
    work: Work, person: bytes, names: Iterable[str], *, contact: Sealed, subject_id: UUID, language: str
) -> None:
    """These districts and no others."""
    wanted = sorted(set(names))
    await work.db.execute("DELETE FROM subscription WHERE person = $1 AND district <> ALL($2::text[])", person, wanted)
    await work.db.execute(
        """
        INSERT INTO subscription SELECT $1, district, $3, $4, $5, $6 FROM unnest($2::text[]) AS d(district)
        ON CONFLICT DO NOTHING
        """,
        person,
        wanted,
        contact.model_dump(mode="json"),
        subject_id,
        language,
        work.now,
    )


async def subscribed(work: Work, person: bytes) -> list[str]:
    rows = await work.db.fetch("SELECT district FROM subscription WHERE person = $1 ORDER BY district", person)
    return [row["district"] for row in rows]


async def subscribers_of(work: Work, district: str) -> list[Subscription]:
    rows = await work.db.fetch("SELECT * FROM subscription WHERE district = $1 ORDER BY person", district)
    return [
        Subscription(row["person"], Sealed.model_validate(row["contact"]), row["subject_id"], row["language"])
        for row in rows
    ]


async def note_try(work: Work, door: bytes) -> None:
    """Whoever tries the same door at the same moment waits, so that all of them are counted."""
    await work.db.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(door[:8], signed=True))
    await work.db.execute("INSERT INTO door_try VALUES ($1, $2, $3)", work.new_id(), door, work.now)


async def count_tries(work: Work, door: bytes, *, since: datetime) -> int:
    found: int = await work.db.fetchval("SELECT count(*) FROM door_try WHERE door = $1 AND at > $2", door, since)
    return found


async def forget_tries(work: Work, before: datetime) -> int:
    status = await work.db.execute("DELETE FROM door_try WHERE at < $1", before)
    return rows_changed(status)


def _written(subject: Subject) -> Mapping[str, Any]:
    return {
        "subject_id": subject.id,
        "about": subject.about.value,
        "language": subject.language,
        "contact": subject.contact,
        "standing": subject.standing.value,
        "stage": subject.stage,
        "round": subject.round,
        "number": subject.number,
        "code": subject.code,
        "stand_id": subject.stand_id,
        "place": subject.place,
        "starts_at": subject.starts_at,
        "ends_at": subject.ends_at,
        "changed_at": subject.changed_at,
        "closed_at": subject.closed_at,
    }


def _subject(row: Any) -> Subject:
    return Subject(
        id=row["subject_id"],
        about=About(row["about"]),
        language=row["language"],
        contact=Sealed.model_validate(row["contact"]) if row["contact"] else None,
        standing=Standing(row["standing"]),
        stage=row["stage"],
        round=row["round"],
        number=row["number"],
        stand_id=row["stand_id"],
        place=row["place"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        changed_at=row["changed_at"],
        closed_at=row["closed_at"],
    )
