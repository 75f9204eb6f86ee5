"""`POST /sync`: takes the entries that a device captured, online or offline, and answers each one."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel
from wanderamt.kernel.bounded import MAX_JSON_INT, ClockTime
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.json_text import to_json
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.http import Transaction
from wanderamt.shell.http_body import read_body
from wanderamt.shell.large_bodies import MIB, max_body
from wanderamt.shell.problems import Problem, RefusalError, or_refuse, problem_for

from intake.api.dependencies import Context, EntrySender
from intake.domain.entry import ENTRY, AnyEntry, UnreadableEntry, parse_line, parse_small_body
from intake.domain.sync_body import MAX_ENTRIES, split_array, split_lines
from intake.handlers.enrolment import has_lost_entries
from intake.handlers.sync import EntryAnswer, SyncRequest, process_sync
from intake.store.entry_statements import EntryStatus

MAX_BYTES = 32 * MIB  # as sent, and unpacked
PAUSE_AFTER_S = 0.02
DeviceTime = Annotated[
    ClockTime | None,
    Header(description="The time of the device's clock. Recorded for support; it orders nothing."),
]
AckedThrough = Annotated[
    int,
    Header(
        ge=0,
        le=MAX_JSON_INT,
        description="The highest device_seq that was ever answered. A server that has fewer entries was restored.",
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


async def _read_sync(
    caller: EntrySender,
    request: Request,
    device_time: DeviceTime = None,
) -> SyncRequest:
    """The entries are parsed before the transaction begins."""
    assert caller.device_id  # noqa: S101 -- the policy refuses tokens without it
    entries = await _read_entries(await read_body(request), lines=_media_type(request) == LINES)
    return SyncRequest(caller, DeviceId(caller.device_id), entries, device_time)


@router.post("/sync", openapi_extra=SYNC_BODY | max_body(MAX_BYTES), response_model=SyncOut)
async def sync(
    _: EntrySender,
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


async def _read_entries(body: bytes, *, lines: bool) -> tuple[AnyEntry | UnreadableEntry, ...]:
    """Raises RefusalError when the request as a whole cannot be read. Other requests have their turn meanwhile."""
    if not lines and (small := parse_small_body(body)):
        return small
    raw = []
    for part in split_lines(body) if lines else split_array(body):
        if isinstance(part, Refusal):
            raise RefusalError(part)
        if part is None:
            await asyncio.sleep(0)
        else:
            raw.append(part)
    loop = asyncio.get_running_loop()
    entries = []
    paused_at = loop.time()
    for entry in raw:
        entries.append(parse_line(entry))
        if loop.time() > paused_at + PAUSE_AFTER_S:
            await asyncio.sleep(0)
            paused_at = loop.time()
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
