"""Attachments and their pieces."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId
from wanderamt.security.keys import FieldCipher

from intake.domain.attachment import Attachment, AttachmentType


async def lock_attachment(uow: UnitOfWork, attachment_id: UUID) -> Attachment | None:
    row = await uow.db.fetchrow("SELECT * FROM attachment WHERE attachment_id = $1 FOR UPDATE", attachment_id)
    return _attachment(row) if row else None


async def count_begun(uow: UnitOfWork, device_id: DeviceId) -> int:
    count: int = await uow.db.fetchval(
        "SELECT count(*) FROM attachment WHERE device_id = $1 AND completed_at IS NULL", device_id
    )
    return count


async def save_attachment(uow: UnitOfWork, attachment: Attachment) -> None:
    await uow.db.execute(
        """
        INSERT INTO attachment (attachment_id, case_id, device_id, kind, length, sha256, begun_at, received,
                                completed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (attachment_id) DO UPDATE
        SET received = excluded.received, completed_at = excluded.completed_at
        """,
        attachment.id,
        attachment.case_id,
        attachment.device_id,
        attachment.kind,
        attachment.length,
        attachment.sha256,
        attachment.begun_at,
        attachment.offset,
        attachment.completed_at,
    )


async def add_piece(uow: UnitOfWork, attachment: Attachment, piece: bytes, *, start: int, cipher: FieldCipher) -> None:
    await uow.db.execute(
        "INSERT INTO attachment_piece (attachment_id, start, sealed) VALUES ($1, $2, $3)",
        attachment.id,
        start,
        cipher.seal_bytes(attachment.case_id, piece),
    )


async def content_of(uow: UnitOfWork, attachment: Attachment, cipher: FieldCipher) -> bytes:
    rows = await uow.db.fetch(
        "SELECT sealed FROM attachment_piece WHERE attachment_id = $1 ORDER BY start", attachment.id
    )
    return b"".join(cipher.open_bytes(attachment.case_id, row["sealed"]) for row in rows)


async def drop_pieces(uow: UnitOfWork, attachment_id: UUID) -> None:
    await uow.db.execute("DELETE FROM attachment_piece WHERE attachment_id = $1", attachment_id)


async def drop_attachment(uow: UnitOfWork, attachment_id: UUID) -> None:
    await drop_pieces(uow, attachment_id)
    await uow.db.execute("DELETE FROM attachment WHERE attachment_id = $1", attachment_id)


async def lock_abandoned(uow: UnitOfWork, *, before: datetime, limit: int) -> list[UUID]:
    """Incomplete attachments announced before `before`. Skips those with an upload in progress."""
    rows = await uow.db.fetch(
        """
        SELECT attachment_id FROM attachment WHERE completed_at IS NULL AND begun_at < $1
        ORDER BY begun_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before,
        limit,
    )
    return [row["attachment_id"] for row in rows]


async def attachments_of(uow: UnitOfWork, case_id: CaseId) -> list[Attachment]:
    rows = await uow.db.fetch("SELECT * FROM attachment WHERE case_id = $1 ORDER BY begun_at", case_id)
    return [_attachment(row) for row in rows]


async def missing_among(uow: UnitOfWork, attachment_ids: Collection[UUID]) -> set[UUID]:
    """Ids of attachments that are not complete."""
    if not attachment_ids:
        return set()
    rows = await uow.db.fetch(
        "SELECT attachment_id FROM attachment WHERE attachment_id = ANY($1::uuid[]) AND completed_at IS NOT NULL",
        list(attachment_ids),
    )
    return set(attachment_ids) - {row["attachment_id"] for row in rows}


def _attachment(row: Any) -> Attachment:
    return Attachment(
        id=row["attachment_id"],
        case_id=CaseId(row["case_id"]),
        device_id=DeviceId(row["device_id"]),
        kind=AttachmentType(row["kind"]),
        length=row["length"],
        sha256=row["sha256"],
        begun_at=row["begun_at"],
        offset=row["received"],
        completed_at=row["completed_at"],
    )
