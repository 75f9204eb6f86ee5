"""Hand-written statements of attachments: the encrypted pieces, of which devices upload megabytes at a time."""

from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.security.keys import FieldCipher, UnreadableCiphertextError

from intake.domain.attachment import Attachment


async def add_piece(uow: UnitOfWork, attachment: Attachment, piece: bytes, *, start: int, cipher: FieldCipher) -> None:
    await uow.db.execute(
        "INSERT INTO attachment_piece (attachment_id, start, sealed) VALUES ($1, $2, $3)",
        attachment.attachment_id,
        start,
        cipher.seal_bytes(attachment.case_id, piece, purpose=_piece_of(attachment, start)),
    )


async def content_of(uow: UnitOfWork, attachment: Attachment, cipher: FieldCipher) -> bytes:
    """All bytes that have arrived. Raises UnreadableCiphertextError."""
    rows = await uow.db.fetch(
        "SELECT start, sealed FROM attachment_piece WHERE attachment_id = $1 ORDER BY start", attachment.attachment_id
    )
    content, case_id = bytearray(), attachment.case_id
    for row in rows:
        # its place is what arrived before it, not what its row says: a missing piece leaves the next one unreadable
        content += cipher.open_bytes(case_id, row["sealed"], purpose=_piece_of(attachment, len(content)))
    if len(content) != attachment.received:
        raise UnreadableCiphertextError("a piece is missing", case_id, _piece_of(attachment, len(content)))
    return bytes(content)


def _piece_of(attachment: Attachment, start: int) -> str:
    return f"attachment:{attachment.attachment_id}:{start}"


async def drop_pieces(uow: UnitOfWork, attachment_id: UUID) -> None:
    await uow.db.execute("DELETE FROM attachment_piece WHERE attachment_id = $1", attachment_id)
