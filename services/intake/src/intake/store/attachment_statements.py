"""Hand-written statements of attachments: the encrypted pieces, of which devices upload megabytes at a time."""

from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.security.keys import FieldCipher

from intake.domain.attachment import Attachment


async def add_piece(uow: UnitOfWork, attachment: Attachment, piece: bytes, *, start: int, cipher: FieldCipher) -> None:
    await uow.db.execute(
        "INSERT INTO attachment_piece (attachment_id, start, sealed) VALUES ($1, $2, $3)",
        attachment.attachment_id,
        start,
        cipher.seal_bytes(attachment.case_id, piece),
    )


async def content_of(uow: UnitOfWork, attachment: Attachment, cipher: FieldCipher) -> bytes:
    rows = await uow.db.fetch(
        "SELECT sealed FROM attachment_piece WHERE attachment_id = $1 ORDER BY start", attachment.attachment_id
    )
    return b"".join(cipher.open_bytes(attachment.case_id, row["sealed"]) for row in rows)


async def drop_pieces(uow: UnitOfWork, attachment_id: UUID) -> None:
    await uow.db.execute("DELETE FROM attachment_piece WHERE attachment_id = $1", attachment_id)
