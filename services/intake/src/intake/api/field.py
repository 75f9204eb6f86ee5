"""The field app's /sync, its devices and the stands it may be at."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import DeviceId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only, read_body
from wanderamt.shell.problems import Problem, Refused, problem_of

from intake.api.outcome import told
from intake.domain.catalogue.book import Book
from intake.domain.entry import ENTRY, AnyEntry, UnreadableEntry, read_line, read_value
from intake.domain.refusals import MALFORMED_BODY, NO_ENTRIES, NOT_ENROLLED, TOO_MANY_ENTRIES
from intake.handlers.enrolment import has_forgotten
from intake.handlers.ground import enrol_device, revoke_device
from intake.handlers.sync import Answer, Sync, take
from intake.store import devices as device_list
from intake.store import stands as stand_copies
from intake.store.ledger import Fate

MAX_ENTRIES = 500
DeviceTime = Annotated[
    AwareDatetime | None,
    Header(description="What the device's clock says. Recorded to help its owner; nothing is ever ordered by it."),
]
AckedThrough = Annotated[
    int,
    Header(ge=0, description="The highest device_seq that was ever answered. A server that has fewer was restored."),
]
LINES = "application/x-ndjson"


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # it was accepted before
    HELD = "held"  # it waits for the entries of its case that come before it
    CONFLICT = "conflict"  # accepted but for fields that another device had changed
    REFUSED = "refused"


class EntryResult(BaseModel):
    """The device may forget an entry once it reads accepted or duplicate; the others it keeps and shows."""

    entry_id: UUID | None
    status: Status
    problem: Problem | None = None


class SyncAnswer(BaseModel):
    """`reset`: the server was restored from a backup and lacks what it once took. Send the last 14 days again."""

    results: list[EntryResult]
    server_time: datetime
    reset: bool = False


class DeviceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: UUID
    label: str = Field(min_length=1, max_length=100, examples=["Tablet 3"])


class DeviceOut(BaseModel):
    """`clock_off_s`: seconds its clock was ahead when it was heard last; null when it never said."""

    device_id: UUID
    label: str
    enrolled_at: datetime
    revoked_at: datetime | None
    durable_through: int
    clock_off_s: int | None
    heard_at: datetime | None


class StandOut(BaseModel):
    stand_id: UUID
    place: str
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


def _inlined(schema: Any, named: dict[str, Any]) -> Any:
    """The same without references: inside an OpenAPI document those of a plain JSON Schema lead nowhere."""
    if isinstance(schema, list):
        return [_inlined(one, named) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(named[schema["$ref"].rsplit("/", 1)[1]], named)
    return {key: _inlined(value, named) for key, value in schema.items() if key not in {"$defs", "discriminator"}}


_SCHEMA = ENTRY.json_schema()
EXAMPLE = {
    "entry_id": "0197c1c0-5f3e-7a10-8000-000000000001",
    "case_id": "0197c1c0-5f3e-7a10-8000-000000000002",
    "device_seq": 17,
    "case_seq": 1,
    "stand_id": "0197c1c0-5f3e-7a10-8000-000000000003",
    "type": "case.open",
    "captured_at": "2026-05-04T09:30:00+02:00",
    "body": {
        "service": "registration_confirmation",
        "language": "de",
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
        "contact": {"phone": "+43660555001"},
        "facts": {"channel": "spoken", "register_asked": "central", "recipient_named": True},
        "identified": "photo_id",
    },
}
SYNC_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["entries"],
                    "properties": {
                        "entries": {
                            "type": "array",
                            "maxItems": MAX_ENTRIES,
                            "items": _inlined(_SCHEMA, _SCHEMA["$defs"]),
                        }
                    },
                },
                "example": {"entries": [EXAMPLE]},
            },
            LINES: {
                "schema": {"type": "string", "description": "one entry a line; a cut upload loses the cut line alone"}
            },
        },
    }
}


def field_routes(database: Database, sealer: Sealer, book: Book) -> APIRouter:
    router = APIRouter()

    @router.post("/sync", tags=["field"], openapi_extra=SYNC_BODY, response_model=SyncAnswer)
    async def sync(
        request: Request,
        device_time: DeviceTime = None,
        acked_through: AckedThrough = 0,
        caller: Caller = only(Role.CLERK),
    ) -> Response:
        """Takes what the crew captured, online or not: one answer per entry, bad ones never hold up good ones.

        On a slow link send it packed: `Content-Encoding: gzip`.
        """
        if not caller.device_id:
            raise Refused(NOT_ENROLLED)
        entries = _read_entries(await read_body(request), lines=_media_type(request) == LINES)
        message = Sync(caller, DeviceId(caller.device_id), entries, device_time)
        async with database.work() as work:
            reset = await has_forgotten(acked_through, work, device_id=message.device_id)
            answers = await take(message, work, sealer=sealer, book=book)
        answer = SyncAnswer(results=[_result(one) for one in told(answers)], server_time=work.now, reset=reset)
        return Response(answer.model_dump_json(), media_type="application/json")  # checked once is enough

    @router.post("/devices", tags=["devices"], status_code=201)
    async def enrol(device: DeviceIn, caller: Caller = only(Role.OPERATOR)) -> DeviceIn:
        """Enrols a device, or enrols it again after a revocation."""
        async with database.work() as work:
            await enrol_device(DeviceId(device.device_id), work, label=device.label, officer=caller.subject)
        return device

    @router.get("/devices", tags=["devices"])
    async def devices(_: Caller = only(Role.OPERATOR)) -> list[DeviceOut]:
        """All devices: how far each is heard, and how far its clock is off."""
        async with database.work() as work:
            found = await device_list.all_devices(work)
        return [DeviceOut(**one._asdict() | {"device_id": one.id}) for one in found]

    @router.post("/devices/{device_id}/revoke", tags=["devices"], status_code=204)
    async def revoke(device_id: UUID, _: Caller = only(Role.OPERATOR)) -> None:
        """From now on nothing is taken from this device. Use it when one is lost."""
        async with database.work() as work:
            told(await revoke_device(DeviceId(device_id), work))

    @router.get("/stands", tags=["field"])
    async def stands(_: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> list[StandOut]:
        async with database.work() as work:
            found = await stand_copies.stands(work)
        return [
            StandOut(stand_id=s.id, place=s.place, starts_at=s.starts_at, ends_at=s.ends_at, cancelled=s.cancelled)
            for s in found
        ]

    return router


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _read_entries(body: bytes, *, lines: bool) -> tuple[AnyEntry | UnreadableEntry, ...]:
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


STATUS = {
    Fate.APPLIED: Status.ACCEPTED,
    Fate.HELD: Status.HELD,
    Fate.CONFLICT: Status.CONFLICT,
    Fate.REFUSED: Status.REFUSED,
}


def _result(answer: Answer) -> EntryResult:
    if answer.fate is Fate.APPLIED:
        return EntryResult(entry_id=answer.entry_id, status=Status.DUPLICATE if answer.duplicate else Status.ACCEPTED)
    problem = problem_of(answer.refusal, errors=list(answer.errors)) if answer.refusal else None
    return EntryResult(entry_id=answer.entry_id, status=STATUS[answer.fate], problem=problem)
