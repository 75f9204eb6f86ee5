"""Hand-written statements of notices: each batch of events, of sent messages and of receipts runs them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import columns_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import NoticeId
from wanderamt.kernel.json_text import to_json_rows

from notifications.domain.kinds import AboutRef
from notifications.domain.notice import Notice
from notifications.store import provider_statements
from notifications.store.citizen_statements import ref_columns

TABLE = "notice"
MUTABLE_COLUMNS = (
    "version",
    "state",
    "reason",
    "ended_at",
    "provider",
    "provider_ref",
    "attempts",
    "outcome_unknown",
    "superseded",
)


async def add_notices(
    uow: UnitOfWork, notices: Sequence[Notice], *, superseding: Iterable[AboutRef], providers: Mapping[str, float]
) -> tuple[set[NoticeId], list[Notice]]:
    """(the ids of the new ones: a notice that was decided before is not decided again; older notices without an outcome
    about the cases in `superseding`, locked).

    `providers`: name → weight of some that it locks, unless another transaction holds them, see `lock_providers`.
    """
    rows = await uow.db.fetch(
        _ADD_NOTICES,
        to_json_rows(_to_row(notice, uow.now) for notice in notices),
        *ref_columns(superseding),
        sorted(providers),
    )
    added = {NoticeId(notice_id) for notice_id in rows[0]["added"] or ()}
    _remember(uow, (notice for notice in notices if notice.id in added))
    provider_statements.remember_locked(uow, [row for row in rows if row["name"]], providers)
    return added, [_notice(row) for row in rows if row["notice_id"]]


async def save_notices(uow: UnitOfWork, notices: Sequence[Notice]) -> None:
    """The mutable columns, and the events emitted for them, in one statement."""
    sql, args = _update_notices(uow, notices)
    await uow.execute_with_outbox(sql, *args)


def save_notices_later(uow: UnitOfWork, notices: Sequence[Notice]) -> None:
    """With the next statement that writes: until then, nothing in this transaction reads these notices."""
    if notices:
        uow.write_later(_update_notices(uow, notices))


def _update_notices(uow: UnitOfWork, notices: Sequence[Notice]) -> Statement:
    ordered = sorted(notices, key=lambda notice: notice.id)
    _remember(uow, ordered)
    rows = [{name: getattr(notice, name) for name in MUTABLE_COLUMNS} | {"notice_id": notice.id} for notice in ordered]
    return _UPDATE_NOTICES, (to_json_rows(rows), uow.now)


async def lock_notices(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[NoticeId, Notice]:
    """Reads those that this transaction has not added or saved itself."""
    wanted = [NoticeId(id_) for id_ in ids]
    known = {id_: uow.locked[TABLE, str(id_)] for id_ in wanted if (TABLE, str(id_)) in uow.locked}
    unknown = [id_ for id_ in wanted if id_ not in known]
    if not unknown:
        return known
    await uow.flush()
    rows = await uow.db.fetch(
        "SELECT * FROM notice WHERE notice_id = ANY($1::uuid[]) ORDER BY notice_id FOR UPDATE", unknown
    )
    return known | {NoticeId(row["notice_id"]): _notice(row) for row in rows}


async def lock_pending(
    uow: UnitOfWork,
    refs: Iterable[AboutRef],
    *,
    address_hashes: Sequence[bytes] = (),
) -> list[Notice]:
    """Notices without an outcome about these cases, or to these addresses."""
    abouts, ids = ref_columns(refs)
    rows = await uow.db.fetch(
        """
        SELECT * FROM notice
        WHERE (about_id = ANY($2::uuid[]) AND (about, about_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
               OR address_hash = ANY($3::bytea[]))
          AND state IN ('created', 'sending') ORDER BY notice_id FOR UPDATE
        """,
        abouts,
        ids,
        list(address_hashes),
    )
    return [_notice(row) for row in rows]


async def find_by_references(uow: UnitOfWork, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], NoticeId]:
    """By (provider, the provider's reference)."""
    pairs = list(references)
    rows = await uow.db.fetch(
        """
        SELECT n.provider, n.provider_ref, notice_id FROM notice n
        JOIN unnest($1::text[], $2::text[]) AS r(provider, provider_ref) USING (provider, provider_ref)
        WHERE n.provider_ref <> ''
        """,
        [name for name, _ in pairs],
        [reference for _, reference in pairs],
    )
    return {(row["provider"], row["provider_ref"]): NoticeId(row["notice_id"]) for row in rows}


async def find_by_number(uow: UnitOfWork, provider: str, address_hash: bytes, short_ref: int) -> NoticeId | None:
    """None unless exactly one notice matches."""
    rows = await uow.db.fetch(
        """
        SELECT notice_id FROM notice WHERE address_hash = $1 AND provider = $2 AND short_ref = $3
          AND state IN ('sending', 'unknown', 'no_receipt') LIMIT 2
        """,
        address_hash,
        provider,
        short_ref,
    )
    return NoticeId(rows[0]["notice_id"]) if len(rows) == 1 else None


async def count_waiting(uow: UnitOfWork) -> dict[str, tuple[int, datetime]]:
    """By queue: the number of jobs that are due, and the due time of the oldest."""
    rows = await uow.db.fetch(
        """
        SELECT queue, count(*) AS jobs, min(run_at) AS oldest FROM job
        WHERE run_at <= $1 AND status <> 'succeeded' GROUP BY queue
        """,
        uow.now,
    )
    return {row["queue"]: (row["jobs"], row["oldest"]) for row in rows}


def _remember(uow: UnitOfWork, notices: Iterable[Notice]) -> None:
    uow.locked |= {(TABLE, str(notice.id)): notice for notice in notices}


def _notice(row: Mapping[str, Any]) -> Notice:
    return value_of(Notice, row, id=row["notice_id"])


def _to_row(notice: Notice, now: datetime) -> dict[str, Any]:
    values = columns_of(notice)
    encoded = {name: _hex(values[name]) for name in ("address_hash", "address", "variables")}
    return values | encoded | {"notice_id": notice.id, "changed_at": now}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


# UNION ALL runs its parts in this order: the providers are locked last, so that nothing waits for them meanwhile
_ADD_NOTICES = """
    WITH added AS (
        INSERT INTO notice SELECT * FROM json_populate_recordset(NULL::notice, $1::json)
        ON CONFLICT DO NOTHING RETURNING notice_id
    ), pending AS (
        SELECT * FROM notice
        WHERE about_id = ANY($3::uuid[]) AND (about, about_id) IN (SELECT * FROM unnest($2::text[], $3::uuid[]))
          AND state IN ('created', 'sending') ORDER BY notice_id FOR UPDATE
    )
    SELECT (SELECT array_agg(notice_id) FROM added) AS added, pending.*,
           NULL AS name, NULL::jsonb AS provider_state, NULL::jsonb AS weight
    FROM (VALUES (true)) AS always_a_row LEFT JOIN pending ON true
    UNION ALL
    SELECT NULL, (NULL::notice).*, free.*
    FROM (SELECT name, state, weight FROM provider WHERE name = ANY($4::text[]) ORDER BY name
          FOR UPDATE SKIP LOCKED) free
"""
_UPDATE_NOTICES = f"""
    UPDATE notice SET {", ".join(f"{name} = n.{name}" for name in MUTABLE_COLUMNS)}, changed_at = $2
    FROM json_populate_recordset(NULL::notice, $1::json) n
    WHERE notice.notice_id = n.notice_id
"""  # noqa: S608 -- fixed column names
