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
from wanderamt.security.keys import Sealer

from intake.domain.catalogue.offer import Identification
from intake.domain.process.case import Case, CaseState, Receipt
from intake.domain.telling import Parts
from intake.store.forms import NAMES, dump_parts, open_form, read_parts


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
    cases = [filed.case for filed in ordered]
    applicants, contacts, facts = zip(*(dump_parts(filed.parts) for filed in ordered), strict=True)
    await work.save(
        """
        INSERT INTO case_file (case_id, version, told, service, edition, stand_id, device_id, language, state, number,
                               captured_at, application_day, opened_at, owner, reason, deadline, request_id,
                               finished_at, progress, applicant, contact, facts, changed)
        SELECT *, pg_current_xact_id()::text::bigint
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
                    $9::text[], $10::text[], $11::timestamptz[], $12::date[], $13::timestamptz[], $14::text[],
                    $15::text[], $16::timestamptz[], $17::uuid[], $18::timestamptz[], $19::text[]::json[],
                    $20::text[]::json[], $21::text[]::json[], $22::text[]::json[])
        ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, told = excluded.told, state = excluded.state,
            owner = excluded.owner, reason = excluded.reason, deadline = excluded.deadline,
            request_id = excluded.request_id, finished_at = excluded.finished_at, progress = excluded.progress,
            applicant = excluded.applicant, contact = excluded.contact, facts = excluded.facts,
            changed = excluded.changed
        """,
        [case.id for case in cases],
        [case.version for case in cases],
        [filed.told for filed in ordered],
        [case.service for case in cases],
        [case.edition for case in cases],
        [case.stand_id for case in cases],
        [case.device_id for case in cases],
        [case.language for case in cases],
        [case.state for case in cases],
        [case.number for case in cases],
        [case.captured_at for case in cases],
        [case.application_day for case in cases],
        [filed.opened_at for filed in ordered],
        [case.owner for case in cases],
        [case.reason for case in cases],
        [case.deadline for case in cases],
        [case.request_id for case in cases],
        [filed.finished_at for filed in ordered],
        [_progress(case) for case in cases],
        applicants,
        contacts,
        facts,
        beside=beside,
    )


def _progress(case: Case) -> str:
    """What is done of the steps, as JSON; nothing asks the database for one of these."""
    done = {
        "identified": case.identified,
        "papers": sorted(case.papers),
        "attachments": sorted(map(str, case.attachments)),
        "confirmed": case.confirmed,
        "provisional": [str(case.receipt.document_id), case.receipt.number] if case.receipt else None,
        "receipts": case.receipts,
        "paid_cents": case.paid_cents,
        "settled": case.settled,
    }
    return to_json(done).decode()


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
