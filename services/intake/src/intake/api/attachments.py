"""Photos and scans from the field, by the tus protocol 1.0: announced, sent in pieces, resumed after a cut."""

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from intake.api.outcome import at_stand, told
from intake.domain.attachment import MAX_BYTES, Attachment, Kind
from intake.domain.catalogue.book import Book
from intake.domain.refusals import ATTACHMENT_ANNOUNCED_BADLY, ATTACHMENT_OVERFULL, ATTACHMENT_TOO_LARGE
from intake.handlers import attachments as files
from intake.store.attachments import attachments_of

TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
HASH = TypeAdapter(Annotated[str, Field(pattern="^[0-9a-f]{64}$")])
Length = Annotated[int, Header(alias="Upload-Length", ge=1)]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0)]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        max_length=2000,
        description="attachment_id, case_id, sha256 and filetype; each value in base64, as tus wants it",
    ),
]


class AttachmentOut(BaseModel):
    attachment_id: UUID
    device_id: UUID
    kind: Kind
    length: int
    received: int
    completed_at: datetime | None


def attachment_routes(database: Database, sealer: Sealer, _book: Book) -> APIRouter:
    router = APIRouter(tags=["attachments"])

    @router.post("/attachments", status_code=201, response_class=Response)
    async def announce(length: Length, metadata: Metadata, caller: Caller = only(Role.CLERK)) -> Response:
        """Announces an attachment; the same again says how far it came."""
        device_id, _ = at_stand(caller)
        if length > MAX_BYTES:
            raise Refused(ATTACHMENT_TOO_LARGE)
        said = _read_metadata(metadata)
        async with database.work() as work:
            try:
                wanted = Attachment(
                    id=UUID(said["attachment_id"]),
                    case_id=CaseId(UUID(said["case_id"])),
                    device_id=device_id,
                    kind=Kind(said["filetype"]),
                    length=length,
                    sha256=bytes.fromhex(HASH.validate_python(said["sha256"])),
                    begun_at=work.now,
                )
            except (KeyError, ValueError, ValidationError) as error:
                raise Refused(ATTACHMENT_ANNOUNCED_BADLY) from error
            begun: Attachment = told(await files.announce(wanted, work))
        return Response(status_code=201, headers=_progress(begun) | {"Location": f"/attachments/{begun.id}"})

    @router.head("/attachments/{attachment_id}", response_class=Response)
    async def progress(attachment_id: UUID, caller: Caller = only(Role.CLERK)) -> Response:
        """How many bytes are here: the device goes on from there."""
        device_id, _ = at_stand(caller)
        async with database.work() as work:
            found: Attachment = told(await files.find(attachment_id, work, device_id=device_id))
        return Response(headers=_progress(found))

    @router.patch("/attachments/{attachment_id}", status_code=204, response_class=Response)
    async def add(attachment_id: UUID, request: Request, offset: Offset, caller: Caller = only(Role.CLERK)) -> Response:
        """Adds bytes (application/offset+octet-stream). A cut connection loses nothing of what had arrived."""
        device_id, _ = at_stand(caller)
        piece = await _read_piece(request)
        async with database.work() as work:
            taken: tuple[Attachment, Refusal | None] = told(
                await files.take_piece(attachment_id, piece, work, offset=offset, device_id=device_id, sealer=sealer)
            )
        grown, refusal = taken
        if refusal:
            raise Refused(refusal)
        return Response(status_code=204, headers=_progress(grown))

    @router.get("/attachments/{attachment_id}", response_class=Response)
    async def content(attachment_id: UUID, _: Caller = only(Role.CLERK)) -> Response:
        """The file, once it is complete."""
        async with database.work() as work:
            found, whole = told(await files.show(attachment_id, work, sealer=sealer))
        safe = {
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "attachment",
        }
        return Response(whole, media_type=found.kind, headers=safe)

    @router.get("/cases/{case_id}/attachments")
    async def of_case(case_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[AttachmentOut]:
        async with database.work() as work:
            return [_attachment_out(one) for one in await attachments_of(work, CaseId(case_id))]

    return router


def _progress(attachment: Attachment) -> dict[str, str]:
    return TUS | {"Upload-Offset": str(attachment.offset), "Upload-Length": str(attachment.length)}


def _read_metadata(metadata: str) -> dict[str, str]:
    """Pairs of a key and its value in base64, with commas between. Raises Refused."""
    try:
        pairs = [pair.split() for pair in metadata.split(",")]
        return {key: base64.b64decode(value, validate=True).decode() for key, value in pairs}
    except (ValueError, binascii.Error) as error:
        raise Refused(ATTACHMENT_ANNOUNCED_BADLY) from error


async def _read_piece(request: Request) -> bytes:
    """What arrived until the end, or until the connection was cut. Raises Refused above the size of a whole file."""
    piece = bytearray()
    try:
        async for part in request.stream():
            piece += part
            if len(piece) > MAX_BYTES:
                raise Refused(ATTACHMENT_OVERFULL)
    except ClientDisconnect:
        pass  # nobody hears the answer, but what came is kept
    return bytes(piece)


def _attachment_out(one: Attachment) -> AttachmentOut:
    return AttachmentOut(
        attachment_id=one.id,
        device_id=one.device_id,
        kind=one.kind,
        length=one.length,
        received=one.offset,
        completed_at=one.completed_at,
    )
