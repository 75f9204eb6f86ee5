"""Photos and scans from the field: uploaded in pieces, resumable, usable only when complete.

Invariants: a complete attachment has the length, hash and type that its device announced, and never changes.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from wanderamt.kernel.caller_ids import repeated
from wanderamt.kernel.ids import CaseId, DeviceId
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import (
    ATTACHMENT_COMPLETE,
    ATTACHMENT_HASH_WRONG,
    ATTACHMENT_ID_REUSED,
    ATTACHMENT_TOO_LONG,
    ATTACHMENT_TYPE_WRONG,
    wrong_offset,
)

MAX_BYTES = 20 * 1024 * 1024


class AttachmentType(StrEnum):
    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


@dataclass(frozen=True, slots=True)
class Attachment:
    """`length` and `sha256`: as the device announced them. `received`: bytes so far."""

    attachment_id: UUID
    case_id: CaseId
    device_id: DeviceId
    kind: AttachmentType
    length: int
    sha256: bytes
    begun_at: datetime
    received: int = 0
    completed_at: datetime | None = None


def announce(known: Attachment | None, new: Attachment) -> Attachment | Refusal:
    """Idempotent: a repeated announcement returns the known attachment with its offset."""
    if not known:
        return new
    return repeated(known, first=_announced(known), now=_announced(new), taken=ATTACHMENT_ID_REUSED)


def _announced(attachment: Attachment) -> tuple[object, ...]:
    return attachment.device_id, attachment.case_id, attachment.kind, attachment.length, attachment.sha256


def append(attachment: Attachment, piece: bytes, *, offset: int) -> Attachment | Refusal:
    """`offset`: where `piece` begins; it must equal the bytes received so far."""
    if attachment.completed_at:
        return ATTACHMENT_COMPLETE
    if offset != attachment.received:
        return wrong_offset(attachment.received)
    if offset + len(piece) > attachment.length:
        return ATTACHMENT_TOO_LONG
    return replace(attachment, received=offset + len(piece))


def complete(attachment: Attachment, content: bytes, *, now: datetime) -> Attachment | Refusal:
    """Checks the complete content against the announcement. The first bytes decide the type, not a file name."""
    if sha256(content).digest() != attachment.sha256:
        return ATTACHMENT_HASH_WRONG
    if detect_type(content) is not attachment.kind:
        return ATTACHMENT_TYPE_WRONG
    return replace(attachment, completed_at=now)


def detect_type(content: bytes) -> AttachmentType | None:
    if content.startswith(b"%PDF-"):
        return AttachmentType.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return AttachmentType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return AttachmentType.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return AttachmentType.WEBP
    return None
