"""Case files: where a case stands now."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.work import Work
from wanderamt.contracts import Language
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.security.bpk import Bpk
from wanderamt.security.keys import Sealer

from intake.domain.catalogue.offer import Identification
from intake.domain.process.case import Case, CaseState, Receipt
from intake.domain.telling import Parts
from intake.store.forms import NAMES, open_form, read_parts


class Filed(NamedTuple):
    """A case with what lies beside it: its sealed form, and how many of its events were told."""

    case: Case
    parts: Parts
    told: int
    opened_at: datetime
    finished_at: datetime | None = None


async def lock_cases(work: Work, case_ids: Iterable[UUID], sealer: Sealer) -> dict[CaseId, Filed]:
    """The cases that exist, locked in the order of their ids."""
    rows = await work.db.fetch(
        "SELECT * FROM case_file WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE", list(case_ids)
    )
    return {CaseId(row["case_id"]): filed_of(row, sealer) for row in rows}


async def find_case(work: Work, case_id: CaseId, sealer: Sealer) -> Filed | None:
    row = await work.db.fetchrow("SELECT * FROM case_file WHERE case_id = $1", case_id)
    return filed_of(row, sealer) if row else None


async def cases_of_stand(work: Work, stand_id: StandId, sealer: Sealer, *, limit: int) -> list[Filed]:
    rows = await work.db.fetch(
        "SELECT * FROM case_file WHERE stand_id = $1 ORDER BY opened_at DESC LIMIT $2", stand_id, limit
    )
    return [filed_of(row, sealer) for row in rows]


async def cases_of_person(work: Work, bpk: Bpk, sealer: Sealer, *, limit: int) -> list[Filed]:
    rows = await work.db.fetch("SELECT * FROM case_file WHERE bpk = $1 ORDER BY opened_at DESC LIMIT $2", bpk, limit)
    return [filed_of(row, sealer) for row in rows]


async def lock_late_cases(work: Work, sealer: Sealer, *, limit: int) -> list[Filed]:
    """Whose deadline has passed. Those that somebody holds at this moment come next time."""
    rows = await work.db.fetch(
        "SELECT * FROM case_file WHERE deadline <= $1 ORDER BY deadline LIMIT $2 FOR UPDATE SKIP LOCKED",
        work.now,
        limit,
    )
    return [filed_of(row, sealer) for row in rows]


async def save_cases(work: Work, files: Sequence[Filed], *, beside: Sequence[Statement]) -> None:
    """The files with what is written `beside` them, in one statement."""
    ordered = sorted(files, key=lambda filed: filed.case.id)
    rows = to_json([_written(filed) for filed in ordered]).decode()
    await work.save(_SAVE, rows, beside=beside)


def _written(filed: Filed) -> dict[str, Any]:
    """As JSON, column by column: the database takes a bunch of cases apart faster than its driver puts them together.

    Nothing asks the database for what is in the last four.
    """
    case, parts = filed.case, filed.parts
    return {
        "case_id": case.id,
        "version": case.version,
        "told": filed.told,
        "service": case.service,
        "edition": case.edition,
        "stand_id": case.stand_id,
        "device_id": case.device_id,
        "language": case.language,
        "state": case.state,
        "number": case.number,
        "captured_at": case.captured_at,
        "application_day": case.application_day,
        "opened_at": filed.opened_at,
        "owner": case.owner,
        "reason": case.reason,
        "deadline": case.deadline,
        "request_id": case.request_id,
        "finished_at": filed.finished_at,
        "bpk": case.bpk,
        "progress": {
            "identified": case.identified,
            "papers": sorted(case.papers),
            "attachments": sorted(case.attachments),
            "confirmed": case.confirmed,
            "provisional": [case.receipt.document_id, case.receipt.number] if case.receipt else None,
            "receipts": case.receipts,
            "paid_cents": case.paid_cents,
            "settled": case.settled,
        },
        "applicant": parts.applicant,
        "contact": parts.contact,
        "facts": parts.facts,
    }


_COLUMNS = {
    "case_id": "uuid",
    "version": "int",
    "told": "int",
    "service": "text",
    "edition": "text",
    "stand_id": "uuid",
    "device_id": "uuid",
    "language": "text",
    "state": "text",
    "number": "text",
    "captured_at": "timestamptz",
    "application_day": "date",
    "opened_at": "timestamptz",
    "owner": "text",
    "reason": "text",
    "deadline": "timestamptz",
    "request_id": "uuid",
    "finished_at": "timestamptz",
    "bpk": "text",
    "progress": "json",
    "applicant": "json",
    "contact": "json",
    "facts": "json",
}
_SAVE = f"""
    INSERT INTO case_file ({", ".join(_COLUMNS)}, changed)
    SELECT *, pg_current_xact_id()::text::bigint
    FROM json_to_recordset($1::text::json) AS c({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
    ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, told = excluded.told, state = excluded.state,
        owner = excluded.owner, reason = excluded.reason, deadline = excluded.deadline,
        request_id = excluded.request_id, finished_at = excluded.finished_at, bpk = excluded.bpk,
        progress = excluded.progress, applicant = excluded.applicant, contact = excluded.contact,
        facts = excluded.facts, changed = excluded.changed
"""  # noqa: S608 -- names of ours


def filed_of(row: Any, sealer: Sealer) -> Filed:
    """`row`: one of case_file."""
    parts = read_parts({name: json.loads(row[name]) if row[name] else None for name in NAMES})
    progress = json.loads(row["progress"])
    given = progress["provisional"]
    case = Case(
        id=CaseId(row["case_id"]),
        version=row["version"],
        service=row["service"],
        edition=row["edition"],
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        language=Language(row["language"]),
        state=CaseState(row["state"]),
        captured_at=row["captured_at"],
        application_day=row["application_day"],
        number=row["number"],
        owner=row["owner"],
        reason=row["reason"],
        deadline=row["deadline"],
        form=open_form(parts, sealer),
        identified=Identification(progress["identified"]),
        papers=frozenset(progress["papers"]),
        attachments=frozenset(map(UUID, progress.get("attachments", ()))),
        request_id=RequestId(row["request_id"]) if row["request_id"] else None,
        confirmed=progress["confirmed"],
        receipt=Receipt(DocumentId(UUID(given[0])), given[1]) if given else None,
        receipts=tuple(progress["receipts"]),
        paid_cents=progress["paid_cents"],
        settled=progress["settled"],
    )
    return Filed(case, parts, row["told"], row["opened_at"], row["finished_at"])
