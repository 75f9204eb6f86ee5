"""Hand-written statements of entries: a sync stores up to 500 of them, and the conflicts that they cause.

Invariants: each entry applies once, in order; a repeated request gets the first answer.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId
from wanderamt.kernel.json_text import to_json_rows
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.tokens import Principal

from intake.domain.entry import AnyEntry, UnreadableEntry
from intake.store.conflicts import StoredConflict


class EntryStatus(StrEnum):
    """The result of an entry."""

    APPLIED = "applied"
    HELD = "held"  # waits for the entries before it
    CONFLICT = "conflict"  # applied, except for fields that another device changed
    REFUSED = "refused"


class StoredEntry(NamedTuple):
    """An entry as stored. `raw`: the entry itself, encrypted; None if it was applied."""

    entry_id: EntryId
    case_id: CaseId
    device_id: DeviceId
    case_seq: int
    payload_hash: bytes
    status: EntryStatus
    refusal: Refusal | None
    raw: Sealed | None


class SequencePlace(NamedTuple):
    """The last applied sequence of a device in a case; with `entry_id`, the sequence of a held entry.

    `raw`: of a held entry whose turn may come; None if an entry before it is missing.
    """

    case_id: CaseId
    device_id: DeviceId
    case_seq: int
    entry_id: EntryId | None
    raw: Sealed | None


class EntryResult(NamedTuple):
    entry_id: EntryId
    status: EntryStatus
    refusal: Refusal | None = None
    raw: Sealed | None = None


async def insert_entries(
    uow: UnitOfWork, entries: Sequence[AnyEntry], device_id: DeviceId, caller: Principal
) -> tuple[set[EntryId], bool]:
    """Stores the entries of an enrolled device as applied; none of another device, or of a caller who was cut off.
    Sorted by id, so that two requests cannot deadlock.

    Returns the ids of new entries, and whether all cases are new too: without a file and without earlier entries.
    """
    if not entries:
        return set(), True
    # no EXISTS in RETURNING: for that PostgreSQL reads the whole table
    ordered = sorted(entries, key=lambda entry: entry.entry_id.int)
    row = await uow.db.fetchrow(
        """
        WITH inserted AS (
        INSERT INTO entry (entry_id, device_id, device_seq, case_id, case_seq, type, payload_hash, captured_at,
                           received_at, status)
        SELECT entry_id, $2, device_seq, case_id, case_seq, type, decode(hash, 'hex'), captured_at, $3, 'applied'
        FROM json_to_recordset($1::text::json)
             AS e(entry_id uuid, device_seq bigint, case_id uuid, case_seq int, type text, hash text,
                  captured_at timestamptz)
        WHERE EXISTS (SELECT 1 FROM device d WHERE d.device_id = $2 AND d.revoked_at IS NULL)
          AND NOT EXISTS (SELECT 1 FROM cut_off c
                          WHERE c.active AND (c.kind, c.id) IN (('officer', $5::text), ('session', $6::text)))
        ON CONFLICT DO NOTHING RETURNING entry_id,
            coalesce((SELECT true FROM case_file c WHERE c.case_id = entry.case_id),
                     (SELECT true FROM entry e WHERE e.case_id = entry.case_id LIMIT 1)) AS case_known)
        SELECT count(*) = $4 AS all_new, count(case_known) = 0 AS cases_new,
               CASE WHEN count(*) <> $4 THEN array_agg(entry_id) END AS ids
        FROM inserted
        """,
        to_json_rows(map(_row, ordered)),
        device_id,
        uow.now,
        len(entries),
        caller.subject,
        str(caller.session_id or ""),
    )
    if row["all_new"]:
        return {EntryId(entry.entry_id) for entry in entries}, row["cases_new"]
    # a repeated entry may have waited for a request that opened its case, which the statement did not see
    return set(row["ids"] or ()), False


def _row(entry: AnyEntry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "device_seq": entry.device_seq,
        "case_id": entry.case_id,
        "case_seq": entry.case_seq,
        "type": entry.type,
        "hash": entry.payload_hash.hex(),
        "captured_at": entry.captured_at,
    }


async def find_entries(uow: UnitOfWork, entry_ids: Iterable[UUID]) -> dict[UUID, StoredEntry]:
    rows = await uow.db.fetch("SELECT * FROM entry WHERE entry_id = ANY($1::uuid[])", list(entry_ids))
    return {row["entry_id"]: _stored_entry(row) for row in rows}


async def places_in_cases(
    uow: UnitOfWork, case_ids: Iterable[UUID], *, new_ids: Iterable[UUID], device_id: DeviceId | None
) -> list[SequencePlace]:
    """How far each device came in each case, and the held entries that may have their turn: those that follow the last
    one without a gap. `new_ids`: stored entries that are still to be applied; they fill gaps. Entries that wait for one
    that is missing are not read; of `device_id` their places are returned, because they are taken.
    """
    rows = await uow.db.fetch(
        """
        WITH known AS (
            SELECT entry_id, case_id, device_id, case_seq, status = 'held' AS waits,
                   status = 'held' OR entry_id = ANY($2::uuid[]) AS is_open
            FROM entry WHERE case_id = ANY($1::uuid[])),
        queue AS (
            SELECT case_id, device_id, coalesce(max(case_seq) FILTER (WHERE NOT is_open), 0) AS last
            FROM known GROUP BY case_id, device_id),
        ahead AS (
            SELECT entry_id, case_id, device_id, case_seq, waits, case_seq - last = dense_rank() OVER (
                       PARTITION BY case_id, device_id ORDER BY case_seq) AS follows
            FROM known JOIN queue USING (case_id, device_id) WHERE is_open AND case_seq > last)
        SELECT case_id, device_id, last AS case_seq, NULL::uuid AS entry_id, NULL::jsonb AS raw FROM queue
        UNION ALL
        SELECT case_id, device_id, case_seq, entry_id,
               CASE WHEN follows THEN (SELECT e.raw FROM entry e WHERE e.entry_id = ahead.entry_id) END
        FROM ahead WHERE waits AND (follows OR device_id = $3)
        """,
        list(case_ids),
        list(new_ids),
        device_id,
    )
    return [
        SequencePlace(
            CaseId(row["case_id"]),
            DeviceId(row["device_id"]),
            row["case_seq"],
            EntryId(row["entry_id"]) if row["entry_id"] else None,
            Sealed.model_validate(row["raw"]) if row["raw"] else None,
        )
        for row in rows
    ]


async def ready_cases(uow: UnitOfWork, *, limit: int) -> list[CaseId]:
    """Cases with a held entry that is next in order, which happens after concurrent requests."""
    rows = await uow.db.fetch(
        """
        WITH queue AS MATERIALIZED (
            SELECT case_id, device_id, array_agg(case_seq) AS places FROM entry WHERE status = 'held'
            GROUP BY case_id, device_id)
        SELECT DISTINCT case_id FROM queue JOIN case_file USING (case_id) CROSS JOIN LATERAL (
            SELECT coalesce(max(case_seq) FILTER (WHERE e.device_id = queue.device_id AND status <> 'held'), 0) AS last
            FROM entry e WHERE e.case_id = queue.case_id) AS settled
        WHERE last + 1 = ANY(places)
        LIMIT $1
        """,
        limit,
    )
    return [CaseId(row["case_id"]) for row in rows]


async def count_held_of(uow: UnitOfWork, device_id: DeviceId, *, except_ids: Iterable[UUID]) -> int:
    """Without those of requests that are not committed: the caller holds a lock of the device."""
    count: int = await uow.db.fetchval(
        "SELECT count(*) FROM entry WHERE device_id = $1 AND status = 'held' AND entry_id <> ALL($2::uuid[])",
        device_id,
        list(except_ids),
    )
    return count


async def refuse_held(uow: UnitOfWork, entry_id: EntryId, refusal: Refusal) -> bool:
    """Whether the entry was held. It stays stored."""
    refused = await uow.db.fetchval(
        """
        UPDATE entry SET status = 'refused', code = $2, hint = $3, refusal_kind = $4
        WHERE entry_id = $1 AND status = 'held' RETURNING true
        """,
        entry_id,
        refusal.code,
        refusal.hint,
        refusal.kind,
    )
    return bool(refused)


async def delete_entries(uow: UnitOfWork, entry_ids: Iterable[UUID]) -> None:
    """As if they had not been sent: the same ids may come again."""
    await uow.db.execute("DELETE FROM entry WHERE entry_id = ANY($1::uuid[])", list(entry_ids))


async def save_results(uow: UnitOfWork, results: Sequence[EntryResult]) -> None:
    await uow.db.execute(
        """
        UPDATE entry SET status = o.status, code = o.code, hint = o.hint, refusal_kind = o.refusal_kind, raw = o.raw
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
             AS o(id, status, code, hint, refusal_kind, raw)
        WHERE entry_id = o.id
        """,
        [result.entry_id for result in results],
        [result.status for result in results],
        [result.refusal.code if result.refusal else None for result in results],
        [result.refusal.hint if result.refusal else None for result in results],
        [result.refusal.kind if result.refusal else None for result in results],
        [_dump(result.raw) for result in results],
    )


async def save_unreadable(
    uow: UnitOfWork, entries: Sequence[tuple[UnreadableEntry, Sealed | None]], device_id: DeviceId
) -> None:
    await uow.db.executemany(
        """
        INSERT INTO refused_entry (device_id, code, sha256, bytes, raw, received_at, case_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        """,
        [
            (
                device_id,
                entry.refusal.code,
                sha256(entry.raw).digest(),
                len(entry.raw),
                _dump(raw),
                uow.now,
                entry.case_id,
            )
            for entry, raw in entries
        ],
    )


def insert_conflicts(conflicts: Sequence[StoredConflict], *, now: datetime) -> Statement:
    sql = """
        INSERT INTO conflict (conflict_id, case_id, stand_id, entry_id, device_id, name, field_values, noted_at)
        SELECT *, $8::timestamptz FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                                              $7::jsonb[])
    """
    return sql, [
        [conflict.conflict_id for conflict in conflicts],
        [conflict.case_id for conflict in conflicts],
        [conflict.stand_id for conflict in conflicts],
        [conflict.entry_id for conflict in conflicts],
        [conflict.device_id for conflict in conflicts],
        [conflict.name for conflict in conflicts],
        [conflict.field_values.model_dump(mode="json") for conflict in conflicts],
        now,
    ]


def _dump(sealed: Sealed | None) -> dict[str, Any] | None:
    return sealed.model_dump(mode="json") if sealed else None


def _stored_entry(row: Any) -> StoredEntry:
    return StoredEntry(
        entry_id=EntryId(row["entry_id"]),
        case_id=CaseId(row["case_id"]),
        device_id=DeviceId(row["device_id"]),
        case_seq=row["case_seq"],
        payload_hash=row["payload_hash"],
        status=EntryStatus(row["status"]),
        refusal=Refusal(row["code"], row["hint"], RefusalKind(row["refusal_kind"])) if row["code"] else None,
        raw=Sealed.model_validate(row["raw"]) if row["raw"] else None,
    )
