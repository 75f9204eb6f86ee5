"""Hand-written statements of citizens: each batch of events reads and writes what its notices depend on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import Channel
from wanderamt.kernel.json_text import to_json_rows

from notifications.domain.citizen_case import CitizenCaseView
from notifications.domain.kinds import AboutRef

NOTICES = "notices"  # the purpose of every consent in this service
MUTABLE_COLUMNS = (
    "language",
    "contact_confirmed",
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
    "due_dates",
)


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """`source`: the id of the case or appointment, or a new id for the status page; `source_kind` says which.

    `wording`: version of the text that the citizen agreed to.
    """

    address_hash: bytes
    channel: Channel
    source_kind: str
    source: UUID
    wording: str


class AddressUse(NamedTuple):
    """An address, for one case or appointment: a consent or a preference for another one counts for nothing here.

    `contact_confirmed`: which of the two budgets of the day counts.
    """

    address_hash: bytes
    about: str
    about_id: UUID
    contact_confirmed: bool


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """What is stored about an address, as far as one case or appointment may use it."""

    consented: bool
    channel: Channel | None
    language: str | None
    sent_today: int


async def lock_views(uow: UnitOfWork, refs: Iterable[AboutRef]) -> dict[AboutRef, CitizenCaseView]:
    rows = await uow.db.fetch(_LOCK_VIEWS, *ref_columns(refs))
    return {view.ref: view for view in map(_view, rows)}


async def lock_or_add_views(
    uow: UnitOfWork, new: Mapping[AboutRef, CitizenCaseView]
) -> dict[AboutRef, CitizenCaseView]:
    """The stored views of these cases and appointments, or the `new` ones; a case is locked from its first event on."""
    views: dict[AboutRef, CitizenCaseView] = {}
    while missing := new.keys() - views.keys():  # again for a case that another process has just added
        rows = await uow.db.fetch(_ADD_AND_LOCK_VIEWS, *ref_columns(missing), _as_json(new[ref] for ref in missing))
        views |= {view.ref: view for view in map(_view, rows)}
    return views


def save_views(uow: UnitOfWork, views: Collection[CitizenCaseView]) -> None:
    """With the next statement that writes: nothing in this transaction reads these views any more."""
    if views:
        uow.write_later((_SAVE_VIEWS, (_as_json(views),)))


async def add_consents(uow: UnitOfWork, consents: Sequence[GivenConsent]) -> None:
    """Once per case: a withdrawn consent stays withdrawn until the citizen consents again, for another case."""
    await uow.db.execute(_ADD_CONSENTS, NOTICES, uow.now, *_columns(consents))


async def address_records(
    uow: UnitOfWork, uses: Collection[AddressUse], *, since: datetime, new_consents: Sequence[GivenConsent] = ()
) -> dict[AddressUse, AddressRecord]:
    """`since`: the start of the citizen's day. `new_consents`: added before, as `add_consents` does; the caller has
    locked their cases."""
    columns = [list(column) for column in zip(*uses, strict=True)] or [[], [], [], []]
    rows = await uow.db.fetch(_ADDRESS_RECORDS, NOTICES, uow.now, *_columns(new_consents), *columns, since)
    return {AddressUse(*(row[name] for name in AddressUse._fields)): value_of(AddressRecord, row) for row in rows}


def ref_columns(refs: Iterable[AboutRef]) -> tuple[list[str], list[UUID]]:
    """For `unnest($1::text[], $2::uuid[])`."""
    pairs = list(refs)
    return [ref.about for ref in pairs], [ref.id for ref in pairs]


def _columns(consents: Sequence[GivenConsent]) -> list[list[object]]:
    rows = [columns_of(consent).values() for consent in consents]
    return [list(column) for column in zip(*rows, strict=True)] or [[], [], [], [], []]


def _as_json(views: Iterable[CitizenCaseView]) -> str:
    ordered = sorted(views, key=lambda view: (view.id, view.about))
    return to_json_rows(columns_of(view) | {"about_id": view.id, "code": view.code} for view in ordered)


def _view(row: Mapping[str, Any]) -> CitizenCaseView:
    return value_of(CitizenCaseView, row, id=row["about_id"])


_LOCK_VIEWS = """
    SELECT * FROM citizen_case
    WHERE about_id = ANY($2::uuid[]) AND (about, about_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
    ORDER BY about_id, about FOR UPDATE
"""
_ADD_AND_LOCK_VIEWS = f"""
    WITH added AS (
        INSERT INTO citizen_case SELECT * FROM json_populate_recordset(NULL::citizen_case, $3::json)
        ON CONFLICT DO NOTHING RETURNING *
    ), locked AS ({_LOCK_VIEWS})
    SELECT * FROM added UNION ALL SELECT * FROM locked
"""  # noqa: S608 -- fixed texts
_ADD_CONSENTS = """
    INSERT INTO consent (address_hash, channel, purpose, source_kind, source, wording, given_at)
    SELECT address_hash, channel, $1, source_kind, source, wording, $2
    FROM unnest($3::bytea[], $4::text[], $5::text[], $6::uuid[], $7::text[])
         AS c(address_hash, channel, source_kind, source, wording)
    ORDER BY address_hash, source, source_kind ON CONFLICT DO NOTHING
"""
_ADDRESS_RECORDS = f"""
    WITH given AS ({_ADD_CONSENTS} RETURNING address_hash, source_kind, source)
    SELECT u.*, p.channel, p.language,
           (u.address_hash, u.about, u.about_id) IN (SELECT * FROM given) OR coalesce(
               (SELECT true FROM consent c WHERE c.address_hash = u.address_hash AND c.purpose = $1
                AND c.source_kind = u.about AND c.source = u.about_id AND c.withdrawn_at IS NULL LIMIT 1),
               false) AS consented,  -- EXISTS could read all consents
           (SELECT count(*) FROM notice n WHERE n.address_hash = u.address_hash AND n.created_at >= $12
            AND n.contact_confirmed = u.contact_confirmed AND n.state <> 'dropped') AS sent_today
    FROM unnest($8::bytea[], $9::text[], $10::uuid[], $11::boolean[])
         AS u(address_hash, about, about_id, contact_confirmed)
    LEFT JOIN preference p ON p.about_id = u.about_id AND p.about = u.about
"""  # noqa: S608 -- a fixed statement
_SAVE_VIEWS = f"""
    INSERT INTO citizen_case SELECT * FROM json_populate_recordset(NULL::citizen_case, $1::json)
    ON CONFLICT (about_id, about) DO UPDATE SET contact = coalesce(excluded.contact, citizen_case.contact),
        {", ".join(f"{name} = excluded.{name}" for name in MUTABLE_COLUMNS)}
"""  # noqa: S608 -- fixed column names
