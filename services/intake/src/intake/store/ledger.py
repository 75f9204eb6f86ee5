"""The ledger of entries: each is taken once, in its turn, and a second sending gets the first answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId
from wanderamt.kernel.refusal import Ground, Refusal
from wanderamt.kernel.sealed import Sealed

from intake.domain.entry import AnyEntry, UnreadableEntry


class Fate(StrEnum):
    """What became of an entry."""

    APPLIED = "applied"
    HELD = "held"  # until the ones before it are here
    CONFLICT = "conflict"  # applied but for fields that another device had changed
    REFUSED = "refused"


class Taken(NamedTuple):
    """What the ledger remembers. `raw`: the entry itself, sealed, unless it was applied."""

    entry_id: EntryId
    case_id: CaseId
    device_id: DeviceId
    case_seq: int
    payload_hash: bytes
    fate: Fate
    refusal: Refusal | None
    raw: Sealed | None


class Outcome(NamedTuple):
    entry_id: EntryId
    fate: Fate
    refusal: Refusal | None = None
    raw: Sealed | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An entry that waits. `expected`: the case sequence its device must send next; `opened`: the case is here."""

    entry_id: EntryId
    case_id: CaseId
    device_id: DeviceId
    device_seq: int
    case_seq: int
    type: str
    captured_at: datetime
    received_at: datetime
    expected: int
    opened: bool


async def take_entries(work: Work, entries: Sequence[AnyEntry], device_id: DeviceId) -> set[EntryId]:
    """Writes them down as applied and returns the ids that are new. Sorted: two requests cannot lock crosswise."""
    ordered = sorted(entries, key=lambda entry: entry.entry_id)
    rows = await work.db.fetch(
        """
        INSERT INTO entry (entry_id, device_id, device_seq, case_id, case_seq, type, payload_hash, captured_at,
                           received_at, fate)
        SELECT entry_id, $2, device_seq, case_id, case_seq, type, decode(hash, 'hex'), captured_at, $3, 'applied'
        FROM json_to_recordset($1::text::json)
             AS e(entry_id uuid, device_seq bigint, case_id uuid, case_seq int, type text, hash text,
                  captured_at timestamptz)
        ON CONFLICT DO NOTHING RETURNING entry_id
        """,
        to_json([_row(entry) for entry in ordered]).decode(),
        device_id,
        work.now,
    )
    return {EntryId(row["entry_id"]) for row in rows}


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


async def taken_entries(work: Work, entry_ids: Iterable[UUID]) -> dict[UUID, Taken]:
    rows = await work.db.fetch("SELECT * FROM entry WHERE entry_id = ANY($1::uuid[])", list(entry_ids))
    return {row["entry_id"]: _taken(row) for row in rows}


async def entries_of_cases(work: Work, case_ids: Iterable[UUID], *, but: Iterable[UUID]) -> list[Taken]:
    """What came for these cases before, `but` the ones at hand."""
    rows = await work.db.fetch(
        "SELECT * FROM entry WHERE case_id = ANY($1::uuid[]) AND entry_id <> ALL($2::uuid[])", list(case_ids), list(but)
    )
    return [_taken(row) for row in rows]


async def ready_cases(work: Work, *, limit: int) -> list[CaseId]:
    """Cases with an entry that is held although its turn has come: two devices, or two requests, came at once."""
    rows = await work.db.fetch(
        """
        SELECT DISTINCT h.case_id FROM entry h JOIN case_file USING (case_id)
        WHERE h.fate = 'held' AND h.case_seq = 1 + coalesce((
            SELECT max(e.case_seq) FROM entry e
            WHERE e.case_id = h.case_id AND e.device_id = h.device_id AND e.fate <> 'held'), 0)
        LIMIT $1
        """,
        limit,
    )
    return [CaseId(row["case_id"]) for row in rows]


async def held_entries(work: Work, *, limit: int) -> list[Held]:
    """Those that wait longest first."""
    rows = await work.db.fetch(
        """
        SELECT h.entry_id, h.case_id, h.device_id, h.device_seq, h.case_seq, h.type, h.captured_at, h.received_at,
               1 + coalesce((SELECT max(e.case_seq) FROM entry e WHERE e.case_id = h.case_id
                             AND e.device_id = h.device_id AND e.fate <> 'held'), 0) AS expected,
               EXISTS (SELECT 1 FROM case_file c WHERE c.case_id = h.case_id) AS opened
        FROM entry h WHERE h.fate = 'held' ORDER BY h.received_at LIMIT $1
        """,
        limit,
    )
    return [Held(**row) for row in rows]


async def save_outcomes(work: Work, outcomes: Sequence[Outcome]) -> None:
    await work.db.execute(
        """
        UPDATE entry SET fate = o.fate, code = o.code, hint = o.hint, ground = o.ground, raw = o.raw
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
             AS o(id, fate, code, hint, ground, raw)
        WHERE entry_id = o.id
        """,
        [one.entry_id for one in outcomes],
        [one.fate for one in outcomes],
        [one.refusal.code if one.refusal else None for one in outcomes],
        [one.refusal.hint if one.refusal else None for one in outcomes],
        [one.refusal.ground if one.refusal else None for one in outcomes],
        [_dump(one.raw) for one in outcomes],
    )


async def keep_unreadable(
    work: Work, entries: Sequence[tuple[UnreadableEntry, Sealed | None]], device_id: DeviceId
) -> None:
    await work.db.executemany(
        """
        INSERT INTO refused_entry (device_id, code, sha256, bytes, raw, received_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        [
            (device_id, entry.refusal.code, sha256(entry.raw).digest(), len(entry.raw), _dump(raw), work.now)
            for entry, raw in entries
        ],
    )


def _dump(sealed: Sealed | None) -> dict[str, Any] | None:
    return sealed.model_dump(mode="json") if sealed else None


def _taken(row: Any) -> Taken:
    return Taken(
        entry_id=EntryId(row["entry_id"]),
        case_id=CaseId(row["case_id"]),
        device_id=DeviceId(row["device_id"]),
        case_seq=row["case_seq"],
        payload_hash=row["payload_hash"],
        fate=Fate(row["fate"]),
        refusal=Refusal(row["code"], row["hint"], Ground(row["ground"])) if row["code"] else None,
        raw=Sealed.model_validate(row["raw"]) if row["raw"] else None,
    )
