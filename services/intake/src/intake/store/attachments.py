"""Attachments: announced, uploaded, complete. `attachment_statements` has their bytes."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, func, select, update
from wanderamt.backbone.persistence.tables import columns_of, is_any_of, value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId

from intake.domain.attachment import Attachment
from intake.store.attachment_statements import drop_pieces
from intake.tables import AttachmentRow


async def lock_attachment(uow: UnitOfWork, attachment_id: UUID) -> Attachment | None:
    row = await uow.session.get(AttachmentRow, attachment_id, with_for_update=True)
    return value_of(Attachment, row) if row else None


async def count_begun(uow: UnitOfWork, device_id: DeviceId) -> int:
    begun = select(func.count()).where(AttachmentRow.device_id == device_id, col(AttachmentRow.completed_at).is_(None))
    return (await uow.session.exec(begun)).one()


async def add_attachment(uow: UnitOfWork, attachment: Attachment) -> None:
    await uow.session.exec(insert(AttachmentRow).values(columns_of(attachment)))


async def save_progress(uow: UnitOfWork, attachment: Attachment) -> None:
    """Of a locked attachment."""
    known = update(AttachmentRow).where(col(AttachmentRow.attachment_id) == attachment.attachment_id)
    await uow.session.exec(known.values(received=attachment.received, completed_at=attachment.completed_at))


async def drop_attachment(uow: UnitOfWork, attachment_id: UUID) -> None:
    await drop_pieces(uow, attachment_id)
    await uow.session.exec(delete(AttachmentRow).where(col(AttachmentRow.attachment_id) == attachment_id))


async def lock_abandoned(uow: UnitOfWork, *, before: datetime, limit: int) -> list[UUID]:
    """Incomplete attachments announced before `before`. Skips those with an upload in progress."""
    row = AttachmentRow
    abandoned = select(row.attachment_id).where(col(row.completed_at).is_(None), row.begun_at < before)
    oldest = abandoned.order_by(col(row.begun_at)).limit(limit).with_for_update(skip_locked=True)
    return list(await uow.session.exec(oldest))


async def attachments_of(uow: UnitOfWork, case_id: CaseId) -> list[Attachment]:
    of_case = select(AttachmentRow).where(AttachmentRow.case_id == case_id).order_by(col(AttachmentRow.begun_at))
    return [value_of(Attachment, row) for row in await uow.session.exec(of_case)]


async def count_of_case(uow: UnitOfWork, case_id: CaseId) -> int:
    return (await uow.session.exec(select(func.count()).where(AttachmentRow.case_id == case_id))).one()


async def missing_among(uow: UnitOfWork, named: Collection[tuple[CaseId, UUID]]) -> set[UUID]:
    """Ids of attachments that are not complete. `named`: with the case that names each; one of another case is none."""
    if not named:
        return set()
    row = AttachmentRow
    complete = select(row.case_id, row.attachment_id).where(is_any_of(row.attachment_id, {id_ for _, id_ in named}))
    arrived = set(await uow.session.exec(complete.where(col(row.completed_at).is_not(None))))
    return {attachment_id for case_id, attachment_id in named if (case_id, attachment_id) not in arrived}
