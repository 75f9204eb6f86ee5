"""Citizens, as far as notices go: case views, consents, preferences, subscriptions, look-up attempts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.contracts import Channel
from wanderamt.kernel.sealed import Sealed

from notifications.domain.citizen_case import CitizenCaseView, PublicStatus
from notifications.domain.kinds import About

NOTICES = "notices"  # the purpose of every consent in this service
REDACT_BATCH_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """`source`: the case, or a new id for the status page. `wording`: version of the text the citizen agreed to."""

    address_hash: bytes
    channel: Channel
    source: UUID
    wording: str


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """What is stored about an address."""

    consented: bool
    channel: Channel | None
    language: str | None
    sent_today: int


@dataclass(frozen=True, slots=True)
class DistrictSubscription:
    address_hash: bytes
    contact: Sealed
    about_id: UUID
    language: str


async def lock_views(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, CitizenCaseView]:
    rows = await uow.db.fetch(
        "SELECT * FROM citizen_case WHERE about_id = ANY($1::uuid[]) ORDER BY about_id FOR UPDATE", list(ids)
    )
    return {row["about_id"]: _view(row) for row in rows}


async def lock_views_of_stands(uow: UnitOfWork, stands: Iterable[UUID]) -> list[CitizenCaseView]:
    """The future appointments at these stands."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM citizen_case WHERE stand_id = ANY($1::uuid[]) AND closed_at IS NULL AND starts_at > $2
        ORDER BY about_id FOR UPDATE
        """,
        list(stands),
        uow.now,
    )
    return [_view(row) for row in rows]


async def save_views(uow: UnitOfWork, views: Iterable[CitizenCaseView]) -> None:
    rows = [_to_row(view) for view in sorted(views, key=lambda view: view.id)]
    if not rows:
        return
    await uow.db.execute(
        """
        INSERT INTO citizen_case SELECT * FROM json_populate_recordset(NULL::citizen_case, $1::json)
        ON CONFLICT (about_id) DO UPDATE SET language = excluded.language,
            contact = coalesce(excluded.contact, citizen_case.contact), status = excluded.status,
            stage = excluded.stage, reopen_count = excluded.reopen_count, number = excluded.number,
            stand_id = excluded.stand_id, place = excluded.place, starts_at = excluded.starts_at,
            ends_at = excluded.ends_at, changed_at = excluded.changed_at, closed_at = excluded.closed_at
        """,
        to_json(rows).decode(),
    )


async def find_views_by_code(uow: UnitOfWork, code: str) -> list[CitizenCaseView]:
    rows = await uow.db.fetch("SELECT * FROM citizen_case WHERE code = $1 LIMIT 5", code)
    return [_view(row) for row in rows]


async def find_view(uow: UnitOfWork, about_id: UUID) -> CitizenCaseView | None:
    row = await uow.db.fetchrow("SELECT * FROM citizen_case WHERE about_id = $1", about_id)
    return _view(row) if row else None


async def redact_views(uow: UnitOfWork, closed_before: datetime, inactive_since: datetime) -> int:
    """Deletes contacts of closed cases and past appointments, and of cases without an event since `inactive_since`."""
    status = await uow.db.execute(
        """
        UPDATE citizen_case SET contact = NULL, place = '', number = '' WHERE about_id = ANY (ARRAY(
            SELECT about_id FROM citizen_case WHERE contact IS NOT NULL AND (closed_at < $1 OR changed_at < $2
                OR (about = 'appointment' AND ends_at < $1)) LIMIT $3 FOR UPDATE SKIP LOCKED))
        """,
        closed_before,
        inactive_since,
        REDACT_BATCH_SIZE,
    )
    return rows_changed(status)


async def add_consents(uow: UnitOfWork, consents: Sequence[GivenConsent]) -> None:
    """Once per case: a withdrawn consent stays withdrawn until the citizen consents again, for another case."""
    if not consents:
        return
    await uow.db.execute(
        """
        INSERT INTO consent (address_hash, channel, purpose, source, wording, given_at)
        SELECT address_hash, channel, $5, source, wording, $6
        FROM unnest($1::bytea[], $2::text[], $3::uuid[], $4::text[]) AS c(address_hash, channel, source, wording)
        ORDER BY address_hash, source ON CONFLICT DO NOTHING
        """,
        [consent.address_hash for consent in consents],
        [consent.channel.value for consent in consents],
        [consent.source for consent in consents],
        [consent.wording for consent in consents],
        NOTICES,
        uow.now,
    )


async def withdraw_consents(uow: UnitOfWork, address_hashes: Sequence[bytes], *, by: str) -> int:
    status = await uow.db.execute(
        """
        UPDATE consent SET withdrawn_at = $2, withdrawn_by = $3
        WHERE address_hash = ANY($1::bytea[]) AND withdrawn_at IS NULL
        """,
        list(address_hashes),
        uow.now,
        by,
    )
    await uow.db.execute("DELETE FROM subscription WHERE address_hash = ANY($1::bytea[])", list(address_hashes))
    return rows_changed(status)


async def address_records(
    uow: UnitOfWork, address_hashes: Iterable[bytes], *, since: datetime
) -> dict[bytes, AddressRecord]:
    """`since`: the start of the citizen's day."""
    rows = await uow.db.fetch(
        """
        SELECT a.address_hash,
               EXISTS (SELECT 1 FROM consent c WHERE c.address_hash = a.address_hash AND c.withdrawn_at IS NULL)
                   AS consented,
               p.channel, p.language,
               (SELECT count(*) FROM notice n WHERE n.address_hash = a.address_hash AND n.created_at >= $2
                AND n.state <> 'dropped') AS today
        FROM unnest($1::bytea[]) AS a(address_hash) LEFT JOIN preference p ON p.address_hash = a.address_hash
        """,
        list(address_hashes),
        since,
    )
    return {
        row["address_hash"]: AddressRecord(
            row["consented"], Channel(row["channel"]) if row["channel"] else None, row["language"], row["today"]
        )
        for row in rows
    }


async def set_preference(
    uow: UnitOfWork, address_hash: bytes, *, channel: Channel | None, language: str | None
) -> None:
    await uow.db.execute(
        """
        INSERT INTO preference (address_hash, channel, language, changed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (address_hash) DO UPDATE SET channel = excluded.channel, language = excluded.language,
            changed_at = excluded.changed_at
        """,
        address_hash,
        channel.value if channel else None,
        language,
        uow.now,
    )


async def record_districts(uow: UnitOfWork, names: Iterable[str]) -> None:
    await uow.db.execute(
        """
        INSERT INTO district SELECT name, $2 FROM unnest($1::text[]) AS d(name) ORDER BY name
        ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at
        """,
        sorted(set(names)),
        uow.now,
    )


async def districts(uow: UnitOfWork) -> list[str]:
    return [row["name"] for row in await uow.db.fetch("SELECT name FROM district ORDER BY name")]


async def set_subscriptions(
    uow: UnitOfWork, address_hash: bytes, names: Iterable[str], *, contact: Sealed, about_id: UUID, language: str
) -> None:
    """These districts and no others."""
    wanted = sorted(set(names))
    await uow.db.execute(
        "DELETE FROM subscription WHERE address_hash = $1 AND district <> ALL($2::text[])", address_hash, wanted
    )
    await uow.db.execute(
        """
        INSERT INTO subscription SELECT $1, district, $3, $4, $5, $6 FROM unnest($2::text[]) AS d(district)
        ON CONFLICT DO NOTHING
        """,
        address_hash,
        wanted,
        contact.model_dump(mode="json"),
        about_id,
        language,
        uow.now,
    )


async def subscribed_districts(uow: UnitOfWork, address_hash: bytes) -> list[str]:
    rows = await uow.db.fetch(
        "SELECT district FROM subscription WHERE address_hash = $1 ORDER BY district", address_hash
    )
    return [row["district"] for row in rows]


async def subscriptions_to(uow: UnitOfWork, district: str) -> list[DistrictSubscription]:
    rows = await uow.db.fetch("SELECT * FROM subscription WHERE district = $1 ORDER BY address_hash", district)
    return [
        DistrictSubscription(
            row["address_hash"], Sealed.model_validate(row["contact"]), row["about_id"], row["language"]
        )
        for row in rows
    ]


async def add_lookup_attempt(uow: UnitOfWork, key_hash: bytes) -> None:
    """The lock makes concurrent attempts with the same key wait, so that all of them are counted."""
    await uow.db.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(key_hash[:8], signed=True))
    await uow.db.execute("INSERT INTO lookup_attempt VALUES ($1, $2, $3)", uow.new_id(), key_hash, uow.now)


async def count_lookup_attempts(uow: UnitOfWork, key_hash: bytes, *, since: datetime) -> int:
    count: int = await uow.db.fetchval(
        "SELECT count(*) FROM lookup_attempt WHERE key_hash = $1 AND attempted_at > $2", key_hash, since
    )
    return count


async def delete_lookup_attempts(uow: UnitOfWork, before: datetime) -> int:
    status = await uow.db.execute("DELETE FROM lookup_attempt WHERE attempted_at < $1", before)
    return rows_changed(status)


def _to_row(view: CitizenCaseView) -> Mapping[str, Any]:
    return {
        "about_id": view.id,
        "about": view.about.value,
        "language": view.language,
        "contact": view.contact,
        "status": view.status.value,
        "stage": view.stage,
        "reopen_count": view.reopen_count,
        "number": view.number,
        "code": view.code,
        "stand_id": view.stand_id,
        "place": view.place,
        "starts_at": view.starts_at,
        "ends_at": view.ends_at,
        "changed_at": view.changed_at,
        "closed_at": view.closed_at,
    }


def _view(row: Any) -> CitizenCaseView:
    return CitizenCaseView(
        id=row["about_id"],
        about=About(row["about"]),
        language=row["language"],
        contact=Sealed.model_validate(row["contact"]) if row["contact"] else None,
        status=PublicStatus(row["status"]),
        stage=row["stage"],
        reopen_count=row["reopen_count"],
        number=row["number"],
        stand_id=row["stand_id"],
        place=row["place"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        changed_at=row["changed_at"],
        closed_at=row["closed_at"],
    )
