"""HTTP in: the field app's /sync, devices, cases, documents, stands."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only, read_body
from wanderamt.shell.problems import Problem, Refused, problem_of

from intake import handlers, store
from intake.domain.case import Case
from intake.domain.catalogue.book import Book
from intake.domain.entry import Entry, UnreadableEntry, read_line, read_value
from intake.domain.refusals import MALFORMED_BODY, NO_ENTRIES, NOT_ENROLLED, TOO_MANY_ENTRIES

MAX_ENTRIES = 500
MAX_CASES = 1000
LINES = "application/x-ndjson"


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class EntryResult(BaseModel):
    """The device may forget an entry once it reads accepted or duplicate; a refused one it keeps and shows."""

    entry_id: UUID | None
    status: Status
    problem: Problem | None = None


class SyncAnswer(BaseModel):
    results: list[EntryResult]
    server_time: datetime


class DeviceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: UUID
    label: str = Field(min_length=1, max_length=100, examples=["Tablet 3"])


class CaseOut(BaseModel):
    """A case without personal data."""

    case_id: UUID
    service: str
    edition: str
    stand_id: UUID
    state: str
    version: int
    owner: str
    reason: str
    deadline: datetime | None
    captured_at: datetime
    opened_at: datetime
    finished_at: datetime | None
    document_id: UUID | None = None
    document_number: str | None = None


class StandOut(BaseModel):
    stand_id: UUID
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


SYNC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["entries"],
                    "properties": {
                        "entries": {"type": "array", "maxItems": MAX_ENTRIES, "items": Entry.model_json_schema()}
                    },
                }
            },
            LINES: {
                "schema": {"type": "string", "description": "one entry a line; a cut upload loses the cut line alone"}
            },
        },
    }
}


def add_routes(app: FastAPI, database: Database, sealer: Sealer, book: Book) -> None:
    router = APIRouter()

    @router.post("/sync", tags=["field"], openapi_extra=SYNC_BODY)
    async def sync(request: Request, caller: Caller = only(Role.CLERK)) -> SyncAnswer:
        """Takes what the crew captured, online or not: one answer per entry, bad ones never hold up good ones."""
        if not caller.device_id:
            raise Refused(NOT_ENROLLED)
        entries = _read_entries(await read_body(request), lines=_media_type(request) == LINES)
        message = handlers.Sync(caller, DeviceId(caller.device_id), entries)
        async with database.work() as work:
            answers = await handlers.take(message, work, sealer=sealer, book=book)
        return SyncAnswer(results=[_result(one) for one in _told(answers)], server_time=work.now)

    @router.post("/devices", tags=["devices"], status_code=201)
    async def enrol(device: DeviceIn, caller: Caller = only(Role.OPERATOR)) -> DeviceIn:
        """Enrols a device, or enrols it again after a revocation."""
        async with database.work() as work:
            await handlers.enrol_device(DeviceId(device.device_id), work, label=device.label, officer=caller.subject)
        return device

    @router.post("/devices/{device_id}/revoke", tags=["devices"], status_code=204)
    async def revoke(device_id: UUID, _: Caller = only(Role.OPERATOR)) -> None:
        """From now on nothing is taken from this device. Use it when one is lost."""
        async with database.work() as work:
            _told(await handlers.revoke_device(DeviceId(device_id), work))

    @router.get("/cases/{case_id}", tags=["cases"])
    async def case(case_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> CaseOut:
        async with database.work() as work:
            found, document = _told(await handlers.show_case(CaseId(case_id), work))
        shown = _case_out(found)
        if not document or not document.pdf:
            return shown
        return shown.model_copy(update={"document_id": document.id, "document_number": document.number})

    @router.get("/stands/{stand_id}/cases", tags=["cases"])
    async def cases(stand_id: UUID, _: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> list[CaseOut]:
        """The newest 1,000 cases of a stand."""
        async with database.work() as work:
            return [_case_out(one) for one in await store.cases_of_stand(work, StandId(stand_id), limit=MAX_CASES)]

    @router.get("/documents/{document_id}.pdf", tags=["documents"], response_class=Response)
    async def document(document_id: UUID, _: Caller = only(Role.CLERK)) -> Response:
        async with database.work() as work:
            found = _told(await handlers.show_document(DocumentId(document_id), work))
        return Response(found.pdf, media_type="application/pdf", headers={"Cache-Control": "no-store"})

    @router.get("/stands", tags=["field"])
    async def stands(_: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> list[StandOut]:
        async with database.work() as work:
            found = await store.stands(work)
        return [
            StandOut(stand_id=s.id, place=s.place, starts_at=s.starts_at, ends_at=s.ends_at, cancelled=s.cancelled)
            for s in found
        ]

    app.include_router(router)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _read_entries(body: bytes, *, lines: bool) -> tuple[Entry | UnreadableEntry, ...]:
    """Raises Refused when nothing of the request can be read."""
    if lines:
        entries = [read_line(line) for line in body.split(b"\n") if line.strip()]
    else:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(MALFORMED_BODY) from error
        values = parsed.get("entries") if isinstance(parsed, dict) else None
        if not isinstance(values, list):
            raise Refused(NO_ENTRIES)
        entries = [read_value(value) for value in values]
    if not entries:
        raise Refused(NO_ENTRIES)
    if len(entries) > MAX_ENTRIES:
        raise Refused(TOO_MANY_ENTRIES)
    return tuple(entries)


def _result(answer: handlers.Answer) -> EntryResult:
    if answer.refusal:
        problem = problem_of(answer.refusal, errors=list(answer.errors))
        return EntryResult(entry_id=answer.entry_id, status=Status.REFUSED, problem=problem)
    return EntryResult(entry_id=answer.entry_id, status=Status.DUPLICATE if answer.duplicate else Status.ACCEPTED)


def _told(outcome: Any) -> Any:
    """The outcome, or Refused with the refusal it is."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome)
    return outcome


def _case_out(case: Case) -> CaseOut:
    return CaseOut(
        case_id=case.id,
        service=case.service,
        edition=case.edition,
        stand_id=case.stand_id,
        state=case.state,
        version=case.version,
        owner=case.owner,
        reason=case.reason,
        deadline=case.deadline,
        captured_at=case.captured_at,
        opened_at=case.opened_at,
        finished_at=case.finished_at,
    )
