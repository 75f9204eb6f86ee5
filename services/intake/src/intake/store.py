"""All SQL of intake: returns and takes domain values. Hot paths are multi-row statements, one per kind and request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import Language, StandScheduled
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, EntryId, RequestId, StandId
from wanderamt.kernel.sealed import Sealed

from intake.domain.case import Case, CaseState
from intake.domain.documents import Document
from intake.domain.entry import Entry, UnreadableEntry


@dataclass(frozen=True, slots=True)
class Taken:
    """What the ledger remembers of an entry."""

    payload_hash: bytes
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Stand:
    id: StandId
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


async def device_enrolled(work: Work, device_id: DeviceId) -> bool:
    return bool(await work.db.fetchval("SELECT revoked_at IS NULL FROM device WHERE device_id = $1", device_id))


async def enrol_device(work: Work, device_id: DeviceId, *, label: str, officer: str) -> None:
    await work.db.execute(
        """
        INSERT INTO device (device_id, label, enrolled_by, enrolled_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (device_id) DO UPDATE SET label = excluded.label, revoked_at = NULL
        """,
        device_id,
        label,
        officer,
        work.now,
    )


async def revoke_device(work: Work, device_id: DeviceId) -> bool:
    """False when there is no such device."""
    status = await work.db.execute("UPDATE device SET revoked_at = $2 WHERE device_id = $1", device_id, work.now)
    return bool(status == "UPDATE 1")


async def take_entries(work: Work, entries: Sequence[Entry], device_id: DeviceId) -> set[EntryId]:
    """Writes the ledger and returns the ids that are new. Sorted, so that two requests cannot lock crosswise."""
    ordered = sorted(entries, key=lambda entry: entry.entry_id)
    rows = await work.db.fetch(
        """
        INSERT INTO entry (entry_id, device_id, device_seq, case_id, case_seq, type, payload_hash, captured_at,
                           received_at)
        SELECT id, $2, seq, case_id, case_seq, type, hash, at, $9
        FROM unnest($1::uuid[], $3::bigint[], $4::uuid[], $5::int[], $6::text[], $7::bytea[], $8::timestamptz[])
             AS e(id, seq, case_id, case_seq, type, hash, at)
        ON CONFLICT DO NOTHING RETURNING entry_id
        """,
        [entry.entry_id for entry in ordered],
        device_id,
        [entry.device_seq for entry in ordered],
        [entry.case_id for entry in ordered],
        [entry.case_seq for entry in ordered],
        [entry.type for entry in ordered],
        [entry.payload_hash for entry in ordered],
        [entry.captured_at for entry in ordered],
        work.now,
    )
    return {EntryId(row["entry_id"]) for row in rows}


async def taken_entries(work: Work, entry_ids: Iterable[UUID]) -> dict[UUID, Taken]:
    rows = await work.db.fetch(
        "SELECT entry_id, payload_hash, refusal FROM entry WHERE entry_id = ANY($1::uuid[])", list(entry_ids)
    )
    return {row["entry_id"]: Taken(row["payload_hash"], row["refusal"]) for row in rows}


async def save_refusals(work: Work, codes: dict[UUID, str]) -> None:
    await work.db.execute(
        "UPDATE entry SET refusal = r.code FROM unnest($1::uuid[], $2::text[]) AS r(id, code) WHERE entry_id = r.id",
        list(codes),
        list(codes.values()),
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


async def lock_cases(work: Work, case_ids: Iterable[UUID]) -> dict[CaseId, Case]:
    """The cases that exist, locked in the order of their ids."""
    rows = await work.db.fetch(
        "SELECT * FROM case_file WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE", list(case_ids)
    )
    return {CaseId(row["case_id"]): _case(row) for row in rows}


async def find_case(work: Work, case_id: CaseId) -> Case | None:
    row = await work.db.fetchrow("SELECT * FROM case_file WHERE case_id = $1", case_id)
    return _case(row) if row else None


async def cases_of_stand(work: Work, stand_id: StandId, *, limit: int) -> list[Case]:
    rows = await work.db.fetch(
        "SELECT * FROM case_file WHERE stand_id = $1 ORDER BY opened_at DESC LIMIT $2", stand_id, limit
    )
    return [_case(row) for row in rows]


async def save_cases(work: Work, cases: Sequence[Case]) -> None:
    ordered = sorted(cases, key=lambda case: case.id)
    await work.save(
        """
        INSERT INTO case_file (case_id, version, service, stand_id, device_id, language, state, applicant, contact,
                               captured_at, opened_at, owner, reason, deadline, request_id, finished_at, edition)
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
                             $8::jsonb[], $9::jsonb[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[],
                             $14::timestamptz[], $15::uuid[], $16::timestamptz[], $17::text[])
        ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, state = excluded.state, owner = excluded.owner,
            reason = excluded.reason, deadline = excluded.deadline, request_id = excluded.request_id,
            finished_at = excluded.finished_at
        """,
        [case.id for case in ordered],
        [case.version for case in ordered],
        [case.service for case in ordered],
        [case.stand_id for case in ordered],
        [case.device_id for case in ordered],
        [case.language for case in ordered],
        [case.state for case in ordered],
        [_dump(case.applicant) for case in ordered],
        [_dump(case.contact) for case in ordered],
        [case.captured_at for case in ordered],
        [case.opened_at for case in ordered],
        [case.owner for case in ordered],
        [case.reason for case in ordered],
        [case.deadline for case in ordered],
        [case.request_id for case in ordered],
        [case.finished_at for case in ordered],
        [case.edition for case in ordered],
    )


async def next_serials(work: Work, count: int) -> list[int]:
    """Never the same twice, also when this transaction rolls back: a gap is harmless, a double is not."""
    rows = await work.db.fetch("SELECT nextval('document_serial') AS serial FROM generate_series(1, $1)", count)
    return [row["serial"] for row in rows]


async def save_documents(work: Work, documents: Sequence[Document]) -> None:
    await work.save(
        """
        INSERT INTO document (document_id, case_id, number, ordered_at, issued_at, sha256, pdf)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                             $7::bytea[])
        ON CONFLICT (document_id) DO UPDATE
        SET issued_at = excluded.issued_at, sha256 = excluded.sha256, pdf = excluded.pdf
        """,
        [document.id for document in documents],
        [document.case_id for document in documents],
        [document.number for document in documents],
        [document.ordered_at for document in documents],
        [document.issued_at for document in documents],
        [document.sha256 for document in documents],
        [document.pdf for document in documents],
    )


async def find_order(work: Work, document_id: DocumentId) -> tuple[Document, Case, str] | None:
    """A document with its case and the place of its stand, which is empty when the stand is not known yet."""
    row = await work.db.fetchrow(
        """
        SELECT d.*, c.*, coalesce(s.place, '') AS place FROM document d
        JOIN case_file c USING (case_id) LEFT JOIN stand s USING (stand_id) WHERE document_id = $1
        """,
        document_id,
    )
    return (_document(row), _case(row), row["place"]) if row else None


async def find_document(work: Work, document_id: DocumentId) -> Document | None:
    row = await work.db.fetchrow("SELECT * FROM document WHERE document_id = $1", document_id)
    return _document(row) if row else None


async def find_document_of_case(work: Work, case_id: CaseId) -> Document | None:
    row = await work.db.fetchrow("SELECT * FROM document WHERE case_id = $1", case_id)
    return _document(row) if row else None


async def save_stand(work: Work, event: StandScheduled) -> None:
    await work.db.execute(
        """
        INSERT INTO stand (stand_id, place, starts_at, ends_at, cancelled) VALUES ($1, $2, $3, $4, false)
        ON CONFLICT (stand_id) DO UPDATE
        SET place = excluded.place, starts_at = excluded.starts_at, ends_at = excluded.ends_at
        """,
        event.stand_id,
        event.place,
        event.starts_at,
        event.ends_at,
    )


async def cancel_stand(work: Work, stand_id: StandId) -> None:
    await work.db.execute("UPDATE stand SET cancelled = true WHERE stand_id = $1", stand_id)


async def stands(work: Work) -> list[Stand]:
    rows = await work.db.fetch("SELECT * FROM stand ORDER BY starts_at LIMIT 500")
    return [_stand(row) for row in rows]


def _stand(row: Any) -> Stand:
    return Stand(StandId(row["stand_id"]), row["place"], row["starts_at"], row["ends_at"], row["cancelled"])


def _dump(sealed: Sealed | None) -> dict[str, Any] | None:
    return sealed.model_dump(mode="json") if sealed else None


def _case(row: Any) -> Case:
    return Case(
        id=CaseId(row["case_id"]),
        version=row["version"],
        service=row["service"],
        edition=row["edition"],
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        language=Language(row["language"]),
        state=CaseState(row["state"]),
        applicant=Sealed.model_validate(row["applicant"]),
        contact=Sealed.model_validate(row["contact"]) if row["contact"] else None,
        captured_at=row["captured_at"],
        opened_at=row["opened_at"],
        owner=row["owner"],
        reason=row["reason"],
        deadline=row["deadline"],
        request_id=RequestId(row["request_id"]) if row["request_id"] else None,
        finished_at=row["finished_at"],
    )


def _document(row: Any) -> Document:
    return Document(
        id=DocumentId(row["document_id"]),
        case_id=CaseId(row["case_id"]),
        number=row["number"],
        ordered_at=row["ordered_at"],
        sha256=row["sha256"],
        pdf=row["pdf"],
        issued_at=row["issued_at"],
    )
