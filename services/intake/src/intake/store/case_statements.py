"""Hand-written statements of case files: a sync locks and saves many. `cases` reads them for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import DueDateKind, Language, VisitReason
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.kernel.json_text import to_json_rows
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.case.case_events import FIRST_CALL
from intake.domain.case.state import VOID_STATES, CallState, CallStatus, Case, CaseState, DueDate, ProvisionalDocument
from intake.domain.catalogue.service_definition import Identification
from intake.domain.event_mapping import EncryptedForm
from intake.store.change_channel import stand_channel
from intake.store.forms import FORM_PARTS, decrypt_form, parse_form


class CaseRecord(NamedTuple):
    """A case with its encrypted form. `event_version`: number of its published events. `ended_at`: see CaseRow.

    `assignment`: owner and reason, encrypted; None if they are still to be encrypted, or need not be, see CaseRow.
    """

    case: Case
    form: EncryptedForm
    event_version: int
    opened_at: datetime
    finished_at: datetime | None = None
    assignment: Sealed | None = None
    ended_at: datetime | None = None


class CaseToFinish(NamedTuple):
    """`serial`: for its document. `place`: of its stand, empty while the stand is unknown."""

    record: CaseRecord
    serial: int
    place: str


async def lock_cases(uow: UnitOfWork, case_ids: Iterable[UUID], cipher: FieldCipher) -> dict[CaseId, CaseRecord]:
    """The existing cases, locked in the order of their ids."""
    await uow.flush()  # what an earlier event of the same batch has changed
    rows = await uow.db.fetch(
        "SELECT * FROM case_file WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE", list(case_ids)
    )
    return {CaseId(row["case_id"]): record_of_row(row, cipher) for row in rows}


async def lock_case_to_finish(uow: UnitOfWork, case_id: CaseId, cipher: FieldCipher) -> CaseToFinish | None:
    """Also reads what ordering its document needs: a serial, as `document_statements.next_serials`, and the place."""
    await uow.flush()
    row = await uow.db.fetchrow(
        """
        SELECT c.*, nextval('document_serial') AS serial,
               coalesce((SELECT place FROM stand s WHERE s.stand_id = c.stand_id), '') AS place
        FROM case_file c WHERE case_id = $1 FOR UPDATE
        """,
        case_id,
    )
    return CaseToFinish(record_of_row(row, cipher), row["serial"], row["place"]) if row else None


def save_cases(
    uow: UnitOfWork,
    changed: Sequence[CaseRecord],
    *,
    new: Sequence[CaseRecord] = (),
    also: Sequence[Statement],
    cipher: FieldCipher,
) -> None:
    """With the statements of `also` and the outbox, in the next statement that writes.

    `changed`: locked before. `new`: cannot be locked; a case that another device has opened meanwhile fails the
    transaction, instead of being overwritten.
    """
    for sql, records in ((_ADD, new), (_SAVE, changed)):
        if records:
            ordered = sorted(records, key=lambda record: record.case.id.int)
            uow.write_later((sql, (to_json_rows(_columns(record, cipher) for record in ordered),)))
            stands = {record.case.stand_id.int: record.case.stand_id for record in records}  # numbers hash in C
            uow.channels_to_notify.update(map(stand_channel, stands.values()))
            for record in records:
                if record.case.more_stands:
                    uow.channels_to_notify.update(map(stand_channel, record.case.more_stands))
    for statement in also:
        uow.write_later(statement)


def insert_more_stands(taken: Iterable[tuple[CaseId, StandId]]) -> Statement:
    """A statement for `save_cases(also=...)`: queries find a case at each of its stands."""
    case_ids, stand_ids = zip(*taken, strict=True)
    sql = (
        "INSERT INTO case_stand (case_id, stand_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING"
    )
    return sql, (list(case_ids), list(stand_ids))


def _columns(record: CaseRecord, cipher: FieldCipher) -> dict[str, Any]:
    """The columns as JSON: PostgreSQL parses a batch of cases faster than the driver encodes them.

    No query looks into the last six columns.
    """
    case, form = record.case, record.form
    assignment = record.assignment or _seal_assignment(case, cipher)
    document = case.provisional_document
    return {
        "case_id": case.id,
        "version": case.version,
        "event_version": record.event_version,
        "service": case.service,
        "edition": case.edition,
        "stand_id": case.stand_id,
        "device_id": case.device_id,
        "language": case.language,
        "state": case.state,
        "number": case.number,
        "captured_at": case.captured_at,
        "application_day": case.application_day,
        "opened_at": record.opened_at,
        "owner": "" if assignment else case.owner,
        "reason": "" if assignment else case.reason,
        "deadline": case.deadline,
        "request_id": case.request_id,
        "finished_at": record.finished_at,
        "ended_at": record.ended_at,
        "bpk": case.bpk,
        "progress": {
            "identified": case.identified,
            "documents_seen": sorted(case.documents_seen),
            "attachments": sorted(case.attachments),
            "provisional_document": [document.document_id, document.number, document.issued_at] if document else None,
            "receipts": case.receipts,
            "paid_cents": case.paid_cents,
            "settled": case.settled,
            "more_stands": sorted(case.more_stands) if case.more_stands else (),
            **({"void": True} if case.void else {}),
            **({"reopened": True} if case.reopened else {}),
            **({"denied": case.denied} if case.denied else {}),
            **({"because": case.because} if case.because else {}),
            **({"calls": {code: [*call] for code, call in case.calls.items()}} if case.calls else {}),
            **({"due_dates": [[*due] for due in case.due_dates]} if case.due_dates else {}),
        },
        "applicant": form.applicant,
        "contact": form.contact,
        "facts": form.facts,
        "answers": form.answers,
        "assignment": assignment,
    }


def _seal_assignment(case: Case, cipher: FieldCipher) -> Sealed | None:
    """None where nobody typed anything: most cases of a sync."""
    if not case.holds_typed_text:
        return None
    return cipher.seal(case.id, orjson.dumps({"owner": case.owner, "reason": case.reason}))


_COLUMNS = {
    "case_id": "uuid",
    "version": "int",
    "event_version": "int",
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
    "ended_at": "timestamptz",
    "bpk": "text",
    "progress": "json",
    "applicant": "json",
    "contact": "json",
    "facts": "json",
    "answers": "json",
    "assignment": "json",
}
_ADD = f"""
    INSERT INTO case_file ({", ".join(_COLUMNS)}, changed)
    SELECT *, pg_current_xact_id()::text::bigint
    FROM json_to_recordset($1::text::json) AS c({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
"""  # noqa: S608 -- constant names
_SAVE = f"""{_ADD}
    ON CONFLICT (case_id) DO UPDATE SET version = excluded.version, event_version = excluded.event_version,
        state = excluded.state, owner = excluded.owner, reason = excluded.reason, deadline = excluded.deadline,
        request_id = excluded.request_id, finished_at = excluded.finished_at, ended_at = excluded.ended_at,
        bpk = excluded.bpk,
        progress = excluded.progress, applicant = excluded.applicant, contact = excluded.contact,
        facts = excluded.facts, answers = excluded.answers, assignment = excluded.assignment, changed = excluded.changed
"""


def record_of_row(row: Mapping[str, Any], cipher: FieldCipher) -> CaseRecord:
    """`row`: of case_file."""
    form = parse_form({name: json.loads(row[name]) if row[name] else None for name in FORM_PARTS})
    progress = json.loads(row["progress"])
    document = progress["provisional_document"]
    assignment = Sealed.model_validate_json(row["assignment"]) if row["assignment"] else None
    assigned = json.loads(cipher.open(assignment)) if assignment else row
    state = CaseState(row["state"])
    calls = progress["calls"] if "calls" in progress else _former_call(progress, row["request_id"])
    case = Case(
        id=CaseId(row["case_id"]),
        version=row["version"],
        service=row["service"],
        edition=row["edition"],
        stand_id=StandId(row["stand_id"]),
        device_id=DeviceId(row["device_id"]),
        language=Language(row["language"]),
        state=state,
        captured_at=row["captured_at"],
        application_day=row["application_day"],
        number=row["number"],
        owner=assigned["owner"],
        reason=assigned["reason"],
        deadline=row["deadline"],
        form=decrypt_form(form, cipher),
        identified=Identification(progress["identified"]),
        documents_seen=frozenset(progress["documents_seen"]),
        attachments=frozenset(map(UUID, progress.get("attachments", ()))),
        calls={
            code: CallState(CallStatus(status), _id(request_id), command)
            for code, (status, request_id, command) in calls.items()
        },
        provisional_document=_provisional_document(*document) if document else None,
        receipts=tuple(progress["receipts"]),
        paid_cents=progress["paid_cents"],
        settled=progress["settled"],
        more_stands=frozenset(StandId(UUID(stand)) for stand in progress["more_stands"]),
        void=progress.get("void", state in VOID_STATES),
        reopened=progress.get("reopened", False),
        denied=VisitReason(progress["denied"]) if "denied" in progress else None,
        because=progress.get("because", ""),
        due_dates=tuple(_due_date(*due) for due in progress.get("due_dates", ())),
    )
    times = row["opened_at"], row["finished_at"]
    return CaseRecord(case, form, row["event_version"], *times, assignment, row["ended_at"])


def _due_date(kind: str, code: str, due_at: str, *times: str | None) -> DueDate:
    later = (datetime.fromisoformat(time) if time else None for time in times)
    return DueDate(DueDateKind(kind), code, datetime.fromisoformat(due_at), *later)


def _former_call(progress: Mapping[str, Any], request_id: UUID | None) -> dict[str, tuple[str, UUID | None, bool]]:
    """Of a row that an earlier release wrote: its services had one call."""
    if progress.get("confirmed"):
        return {FIRST_CALL: (CallStatus.DONE, None, False)}
    return {FIRST_CALL: (CallStatus.ASKED, request_id, False)} if request_id else {}


def _id(text: str | UUID | None) -> RequestId | None:
    return RequestId(UUID(str(text))) if text else None


def _provisional_document(document_id: str, number: str, issued_at: str | None = None) -> ProvisionalDocument:
    """An earlier release stored no time."""
    at = datetime.fromisoformat(issued_at) if issued_at else None
    return ProvisionalDocument(DocumentId(UUID(document_id)), number, at)
