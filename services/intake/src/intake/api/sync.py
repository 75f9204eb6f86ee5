"""`POST /sync`: takes the entries that a device captured, online or offline, and answers each one."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AwareDatetime, BaseModel
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.json_text import to_json
from wanderamt.shell.http import Body, Transaction
from wanderamt.shell.problems import Problem, RefusalError, or_refuse, problem_for

from intake.api.dependencies import Clerk, Context
from intake.domain.entry import ENTRY, AnyEntry, UnreadableEntry, parse_line, parse_value
from intake.domain.refusals import MALFORMED_BODY, NO_ENTRIES, NOT_ENROLLED, TOO_MANY_ENTRIES
from intake.handlers.enrolment import has_lost_entries
from intake.handlers.sync import EntryAnswer, SyncRequest, process_sync
from intake.store.entry_statements import EntryStatus

MAX_ENTRIES = 500
DeviceTime = Annotated[
    AwareDatetime | None,
    Header(description="The time of the device's clock. Recorded for support; it orders nothing."),
]
AckedThrough = Annotated[
    int,
    Header(
        ge=0, description="The highest device_seq that was ever answered. A server that has fewer entries was restored."
    ),
]
LINES = "application/x-ndjson"

router = APIRouter(tags=["field"])


class SyncStatus(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # it was accepted before
    HELD = "held"  # it waits for earlier entries of its case
    CONFLICT = "conflict"  # accepted, except for fields that another device had changed
    REFUSED = "refused"


@dataclass(slots=True)
class EntryResultOut:
    """The device may delete an entry that is accepted or a duplicate; it keeps and shows the others."""

    entry_id: UUID | None
    status: SyncStatus
    problem: Problem | None = None


class SyncOut(BaseModel):
    """`reset`: the server was restored from a backup and lost entries. Send the last 14 days again."""

    results: list[EntryResultOut]
    server_time: datetime
    reset: bool = False


def _inlined(schema: Any, named: dict[str, Any]) -> Any:
    """The schema without `$ref`: inside an OpenAPI document the references of a plain JSON Schema lead nowhere."""
    if isinstance(schema, list):
        return [_inlined(item, named) for item in schema]
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
                "schema": {"type": "string", "description": "one entry per line; a cut upload loses only the cut line"}
            },
        },
    }
}


async def _sending_device(caller: Clerk) -> DeviceId:
    """Raises RefusalError for a token without a device, before the body is read."""
    if not caller.device_id:
        raise RefusalError(NOT_ENROLLED)
    return DeviceId(caller.device_id)


async def _read_sync(
    caller: Clerk,
    device_id: Annotated[DeviceId, Depends(_sending_device)],
    body: Body,
    request: Request,
    device_time: DeviceTime = None,
) -> SyncRequest:
    """The entries are parsed before the transaction begins."""
    return SyncRequest(caller, device_id, _read_entries(body, lines=_media_type(request) == LINES), device_time)


@router.post("/sync", openapi_extra=SYNC_BODY, response_model=SyncOut)
async def sync(
    _: Clerk,
    order: Annotated[SyncRequest, Depends(_read_sync)],
    uow: Transaction,
    context: Context,
    acked_through: AckedThrough = 0,
) -> Response:
    """Takes what the crew captured, online or offline. Each entry gets an answer; a bad entry never stops good ones.

    On a slow link send it compressed: `Content-Encoding: gzip`.
    """
    reset = await has_lost_entries(acked_through, uow, device_id=order.device_id)
    answers = or_refuse(await process_sync(order, uow, cipher=context.cipher, catalogue=context.catalogue))
    body = SyncOut(results=[_result_out(answer) for answer in answers], server_time=uow.now, reset=reset)
    return Response(to_json(body), media_type="application/json")  # validated once is enough


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _read_entries(body: bytes, *, lines: bool) -> tuple[AnyEntry | UnreadableEntry, ...]:
    """Raises RefusalError when the request as a whole cannot be read."""
    if lines:
        entries = [parse_line(line) for line in body.split(b"\n") if line.strip()]
    else:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusalError(MALFORMED_BODY) from error
        values = parsed.get("entries") if isinstance(parsed, dict) else None
        if not isinstance(values, list):
            raise RefusalError(NO_ENTRIES)
        entries = [parse_value(value) for value in values]
    if not entries:
        raise RefusalError(NO_ENTRIES)
    if len(entries) > MAX_ENTRIES:
        raise RefusalError(TOO_MANY_ENTRIES)
    return tuple(entries)


STATUS = {
    EntryStatus.APPLIED: SyncStatus.ACCEPTED,
    EntryStatus.HELD: SyncStatus.HELD,
    EntryStatus.CONFLICT: SyncStatus.CONFLICT,
    EntryStatus.REFUSED: SyncStatus.REFUSED,
}


def _result_out(answer: EntryAnswer) -> EntryResultOut:
    if answer.status is EntryStatus.APPLIED:
        status = SyncStatus.DUPLICATE if answer.duplicate else SyncStatus.ACCEPTED
        return EntryResultOut(entry_id=answer.entry_id, status=status)
    problem = problem_for(answer.refusal, errors=list(answer.errors)) if answer.refusal else None
    return EntryResultOut(entry_id=answer.entry_id, status=STATUS[answer.status], problem=problem)
