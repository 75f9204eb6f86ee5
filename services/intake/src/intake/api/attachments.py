"""Photos and scans from the field by the tus protocol 1.0: announced, uploaded in pieces, resumed after a cut."""

import base64
import binascii
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from wanderamt.kernel.bounded import MAX_JSON_INT
from wanderamt.kernel.ids import CaseId
from wanderamt.shell.http import Transaction
from wanderamt.shell.large_bodies import max_body
from wanderamt.shell.problems import RefusalError, or_refuse

from intake.api.dependencies import AttachmentLister, AttachmentReader, AttachmentSender, Context
from intake.domain.attachment import MAX_BYTES, Attachment, AttachmentType
from intake.domain.refusals import ATTACHMENT_ANNOUNCEMENT_INVALID, ATTACHMENT_TOO_LARGE
from intake.handlers import attachments as attachment_handlers
from intake.store.attachments import attachments_of

TUS = {"Tus-Resumable": "1.0.0"}
DOWNLOAD = {"Content-Disposition": "attachment"}
HASH = TypeAdapter(Annotated[str, Field(pattern="^[0-9a-f]{64}$")])
Length = Annotated[int, Header(alias="Upload-Length", ge=1, le=MAX_JSON_INT)]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, le=MAX_JSON_INT)]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        max_length=2000,
        description="attachment_id, case_id, sha256 and filetype; each value in base64, as tus requires",
    ),
]

router = APIRouter(tags=["attachments"])


class AttachmentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    attachment_id: UUID
    device_id: UUID
    kind: AttachmentType
    length: int
    received: int
    completed_at: datetime | None


class Announcement(NamedTuple):
    attachment_id: UUID
    case_id: CaseId
    kind: AttachmentType
    length: int
    sha256: bytes


async def _read_announcement(_: AttachmentSender, length: Length, metadata: Metadata) -> Announcement:
    """Raises RefusalError for a file that is too large, and for metadata that is incomplete or malformed."""
    if length > MAX_BYTES:
        raise RefusalError(ATTACHMENT_TOO_LARGE)
    values = _read_metadata(metadata)
    try:
        return Announcement(
            UUID(values["attachment_id"]),
            CaseId(UUID(values["case_id"])),
            AttachmentType(values["filetype"]),
            length,
            bytes.fromhex(HASH.validate_python(values["sha256"])),
        )
    except (KeyError, ValueError, ValidationError) as error:
        raise RefusalError(ATTACHMENT_ANNOUNCEMENT_INVALID) from error


@router.post("/attachments", status_code=201, response_class=Response)
async def announce_attachment(
    caller: AttachmentSender, announcement: Annotated[Announcement, Depends(_read_announcement)], uow: Transaction
) -> Response:
    """Announces an attachment. The same request again answers how many bytes have arrived."""
    announced = Attachment(
        attachment_id=announcement.attachment_id,
        case_id=announcement.case_id,
        device_id=caller.device_id,
        kind=announcement.kind,
        length=announcement.length,
        sha256=announcement.sha256,
        begun_at=uow.now,
    )
    upload = or_refuse(await attachment_handlers.announce(announced, uow, stand_id=caller.stand_id))
    return Response(status_code=201, headers=_progress(upload) | {"Location": f"/attachments/{upload.attachment_id}"})


@router.head("/attachments/{attachment_id}", response_class=Response)
async def attachment_progress(attachment_id: UUID, caller: AttachmentSender, uow: Transaction) -> Response:
    """How many bytes have arrived; the device continues from that offset."""
    upload = or_refuse(await attachment_handlers.find_upload(attachment_id, uow, device_id=caller.device_id))
    return Response(headers=_progress(upload))


@router.patch(
    "/attachments/{attachment_id}", status_code=204, response_class=Response, openapi_extra=max_body(MAX_BYTES)
)
async def append_piece(
    attachment_id: UUID, request: Request, offset: Offset, caller: AttachmentSender, context: Context
) -> Response:
    """Appends bytes (application/offset+octet-stream). A cut connection keeps what had arrived."""
    piece = await _read_piece(request)
    # No `Transaction` dependency: when the complete upload is wrong, its deletion must commit before the refusal.
    async with context.database.unit_of_work() as uow:
        upload, refusal = or_refuse(
            await attachment_handlers.append_piece(
                attachment_id, piece, uow, offset=offset, device_id=caller.device_id, cipher=context.cipher
            )
        )
    if refusal:
        raise RefusalError(refusal)
    return Response(status_code=204, headers=_progress(upload))


@router.get("/attachments/{attachment_id}", response_class=Response)
async def download_attachment(attachment_id: UUID, _: AttachmentReader, uow: Transaction, context: Context) -> Response:
    """The file, once it is complete."""
    attachment, content = or_refuse(
        await attachment_handlers.read_attachment(attachment_id, uow, cipher=context.cipher)
    )
    return Response(content, media_type=attachment.kind, headers=DOWNLOAD)


@router.get("/cases/{case_id}/attachments")
async def attachments_of_case(case_id: UUID, _: AttachmentLister, uow: Transaction) -> list[AttachmentOut]:
    return [AttachmentOut.model_validate(attachment) for attachment in await attachments_of(uow, CaseId(case_id))]


def _progress(attachment: Attachment) -> dict[str, str]:
    return TUS | {"Upload-Offset": str(attachment.received), "Upload-Length": str(attachment.length)}


def _read_metadata(metadata: str) -> dict[str, str]:
    """Reads comma-separated pairs of a key and its base64 value. Raises RefusalError."""
    try:
        pairs = [pair.split() for pair in metadata.split(",")]
        return {key: base64.b64decode(value, validate=True).decode() for key, value in pairs}
    except (ValueError, binascii.Error) as error:
        raise RefusalError(ATTACHMENT_ANNOUNCEMENT_INVALID) from error


async def _read_piece(request: Request) -> bytes:
    """The bytes that arrived until the end or until the connection was cut."""
    piece = bytearray()
    try:
        async for part in request.stream():
            piece += part
    except ClientDisconnect:
        pass  # the client will not read the answer, but the bytes that arrived are kept
    return bytes(piece)
