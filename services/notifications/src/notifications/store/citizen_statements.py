"""Hand-written statements of citizens: each batch of events reads and writes what its notices depend on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.json_text import to_json_rows

from notifications.domain.citizen_case import CitizenCaseView

NOTICES = "notices"  # the purpose of every consent in this service
MUTABLE_COLUMNS = (
    "language",
    "status",
    "stage",
    "reopen_count",
    "number",
    "stand_id",
    "place",
    "starts_at",
    "ends_at",
    "changed_at",
    "closed_at",
)


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


async def lock_views(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[UUID, CitizenCaseView]:
    rows = await uow.db.fetch(
        "SELECT * FROM citizen_case WHERE about_id = ANY($1::uuid[]) ORDER BY about_id FOR UPDATE", list(ids)
    )
    return {row["about_id"]: _view(row) for row in rows}


async def lock_or_add_views(uow: UnitOfWork, new: Mapping[UUID, CitizenCaseView]) -> dict[UUID, CitizenCaseView]:
    """The stored views of these cases and appointments, or the `new` ones; a case is locked from its first event on."""
    views: dict[UUID, CitizenCaseView] = {}
    while missing := new.keys() - views.keys():  # again for a case that another process has just added
        rows = await uow.db.fetch(
            """
            WITH added AS (
                INSERT INTO citizen_case SELECT * FROM json_populate_recordset(NULL::citizen_case, $2::json)
                ON CONFLICT DO NOTHING RETURNING *
            ), locked AS (
                SELECT * FROM citizen_case WHERE about_id = ANY($1::uuid[]) ORDER BY about_id FOR UPDATE
            )
            SELECT * FROM added UNION ALL SELECT * FROM locked
            """,
            list(missing),
            _as_json(new[about_id] for about_id in missing),
        )
        views |= {row["about_id"]: _view(row) for row in rows}
    return views


def save_views(uow: UnitOfWork, views: Collection[CitizenCaseView]) -> None:
    """With the next statement that writes: nothing in this transaction reads these views any more."""
    if views:
        uow.write_later((_SAVE_VIEWS, (_as_json(views),)))


async def add_consents(uow: UnitOfWork, consents: Sequence[GivenConsent]) -> None:
    """Once per case: a withdrawn consent stays withdrawn until the citizen consents again, for another case."""
    await uow.db.execute(_ADD_CONSENTS, NOTICES, uow.now, *_columns(consents))


async def address_records(
    uow: UnitOfWork, address_hashes: Iterable[bytes], *, since: datetime, new_consents: Sequence[GivenConsent] = ()
) -> dict[bytes, AddressRecord]:
    """`since`: the start of the citizen's day. `new_consents`: added before, as `add_consents` does; the caller has
    locked their cases."""
    rows = await uow.db.fetch(_ADDRESS_RECORDS, NOTICES, uow.now, *_columns(new_consents), list(address_hashes), since)
    return {row["address_hash"]: value_of(AddressRecord, row) for row in rows}


def _columns(consents: Sequence[GivenConsent]) -> list[list[object]]:
    rows = [columns_of(consent).values() for consent in consents]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]


def _as_json(views: Iterable[CitizenCaseView]) -> str:
    ordered = sorted(views, key=lambda view: view.id)
    return to_json_rows(columns_of(view) | {"about_id": view.id, "code": view.code} for view in ordered)


def _view(row: Mapping[str, Any]) -> CitizenCaseView:
    return value_of(CitizenCaseView, row, id=row["about_id"])


_ADD_CONSENTS = """
    INSERT INTO consent (address_hash, channel, purpose, source, wording, given_at)
    SELECT address_hash, channel, $1, source, wording, $2
    FROM unnest($3::bytea[], $4::text[], $5::uuid[], $6::text[]) AS c(address_hash, channel, source, wording)
    ORDER BY address_hash, source ON CONFLICT DO NOTHING
"""
_ADDRESS_RECORDS = f"""
    WITH given AS ({_ADD_CONSENTS} RETURNING address_hash)
    SELECT a.address_hash,
           EXISTS (SELECT 1 FROM given g WHERE g.address_hash = a.address_hash) OR coalesce(
               (SELECT true FROM consent c WHERE c.address_hash = a.address_hash AND c.withdrawn_at IS NULL LIMIT 1),
               false) AS consented,  -- EXISTS could read all consents
           p.channel, p.language,
           (SELECT count(*) FROM notice n WHERE n.address_hash = a.address_hash AND n.created_at >= $8
            AND n.state <> 'dropped') AS sent_today
    FROM unnest($7::bytea[]) AS a(address_hash) LEFT JOIN preference p ON p.address_hash = a.address_hash
"""  # noqa: S608 -- a fixed statement
_SAVE_VIEWS = f"""
    INSERT INTO citizen_case SELECT * FROM json_populate_recordset(NULL::citizen_case, $1::json)
    ON CONFLICT (about_id) DO UPDATE SET contact = coalesce(excluded.contact, citizen_case.contact),
        {", ".join(f"{name} = excluded.{name}" for name in MUTABLE_COLUMNS)}
"""  # noqa: S608 -- fixed column names
