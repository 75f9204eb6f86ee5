"""Photos and scans from the field: sent in pieces, resumed after a cut, whole or not there at all.

Kept true: what is complete has the length, the hash and the kind that its device announced, and never changes again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from wanderamt.kernel.ids import CaseId, DeviceId
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import (
    ATTACHMENT_BROKEN,
    ATTACHMENT_COMPLETE,
    ATTACHMENT_ID_REUSED,
    ATTACHMENT_LIES,
    ATTACHMENT_OVERFULL,
    wrong_offset,
)

MAX_BYTES = 20 * 1024 * 1024


class Kind(StrEnum):
    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"


@dataclass(frozen=True, slots=True)
class Attachment:
    """`length` and `sha256` as the device announced them; `offset`: how many bytes are here."""

    id: UUID
    case_id: CaseId
    device_id: DeviceId
    kind: Kind
    length: int
    sha256: bytes
    begun_at: datetime
    offset: int = 0
    completed_at: datetime | None = None


def begin(known: Attachment | None, wanted: Attachment) -> Attachment | Refusal:
    """The same announcement again finds how far it came."""
    if not known:
        return wanted
    same = (known.case_id, known.device_id, known.kind, known.length, known.sha256) == (
        wanted.case_id,
        wanted.device_id,
        wanted.kind,
        wanted.length,
        wanted.sha256,
    )
    return known if same else ATTACHMENT_ID_REUSED


def add(attachment: Attachment, piece: bytes, *, offset: int) -> Attachment | Refusal:
    """`piece` begins at `offset`: what came before is here, nothing is written twice."""
    if attachment.completed_at:
        return ATTACHMENT_COMPLETE
    if offset != attachment.offset:
        return wrong_offset(attachment.offset)
    if offset + len(piece) > attachment.length:
        return ATTACHMENT_OVERFULL
    return replace(attachment, offset=offset + len(piece))


def complete(attachment: Attachment, content: bytes, *, now: datetime) -> Attachment | Refusal:
    """All bytes are here: are they what was announced? The first bytes say of which kind a file is, not its name."""
    if sha256(content).digest() != attachment.sha256:
        return ATTACHMENT_BROKEN
    if kind_of(content) is not attachment.kind:
        return ATTACHMENT_LIES
    return replace(attachment, completed_at=now)


def kind_of(content: bytes) -> Kind | None:
    if content.startswith(b"%PDF-"):
        return Kind.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Kind.WEBP
    return None
