"""Photos and scans, uploaded in pieces."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import NOT_ENROLLED

from intake.domain import attachment as upload_rules
from intake.domain.attachment import Attachment
from intake.domain.refusals import (
    ATTACHMENT_TYPE_WRONG,
    CASE_DELETED,
    CASE_HAS_MANY_ATTACHMENTS,
    CASE_OF_OTHER_STAND,
    NO_ATTACHMENT,
    TOO_MANY_ATTACHMENTS,
)
from intake.store import (
    attachment_statements,
    attachments,
    change_statements,
    device_statements,
    retention_statements,
)

ABANDONED_AFTER = timedelta(days=30)  # as long as a device may be without a network
ABANDONED_BATCH_SIZE = 20
MAX_UNFINISHED = 200  # per device; each has at most 20 MiB
MAX_PER_CASE = 100


async def announce(announced: Attachment, uow: UnitOfWork, *, stand_id: StandId | None) -> Attachment | Refusal:
    """`stand_id`: of the sender; None: of an export. A case of another stand takes files only of a device that worked
    on it before."""
    if not await device_statements.device_enrolled(uow, announced.device_id):
        return NOT_ENROLLED
    if not await device_statements.may_add_to(uow, announced.device_id, announced.case_id, stand_id):
        return CASE_OF_OTHER_STAND
    await uow.lock_id("attachment", announced.attachment_id)
    known = await attachments.lock_attachment(uow, announced.attachment_id)
    if not known and await retention_statements.deleted_cases(uow, [announced.case_id]):
        return CASE_DELETED
    if not known and await attachments.count_begun(uow, announced.device_id) >= MAX_UNFINISHED:
        return TOO_MANY_ATTACHMENTS
    if not known and await attachments.count_of_case(uow, announced.case_id) >= MAX_PER_CASE:
        return CASE_HAS_MANY_ATTACHMENTS
    upload = upload_rules.announce(known, announced)
    if not known and isinstance(upload, Attachment):
        await attachments.add_attachment(uow, upload)
    return upload


async def find_upload(attachment_id: UUID, uow: UnitOfWork, *, device_id: DeviceId) -> Attachment | Refusal:
    """An upload of this device. Uploads of other devices count as not found."""
    known = await attachments.lock_attachment(uow, attachment_id)
    return known if known and known.device_id == device_id else NO_ATTACHMENT


async def append_piece(
    attachment_id: UUID, piece: bytes, uow: UnitOfWork, *, offset: int, device_id: DeviceId, cipher: FieldCipher
) -> tuple[Attachment, Refusal | None] | Refusal:
    """Returns the attachment, with a refusal if the complete upload does not match its announced hash or type.

    The upload is deleted then. The deletion must commit, so the caller raises the refusal after the commit.
    """
    if not await device_statements.device_enrolled(uow, device_id):
        return NOT_ENROLLED
    known = await find_upload(attachment_id, uow, device_id=device_id)
    if isinstance(known, Refusal):
        return known
    upload = upload_rules.append(known, piece, offset=offset)
    if isinstance(upload, Refusal):
        return upload
    if piece:
        await attachment_statements.add_piece(uow, upload, piece, start=offset, cipher=cipher)
    if upload.received < upload.length:
        await attachments.save_progress(uow, upload)
        return upload, None
    content = await attachment_statements.content_of(uow, upload, cipher)
    complete = await asyncio.to_thread(upload_rules.complete, upload, content, now=uow.now)
    if isinstance(complete, Attachment):
        await attachments.save_progress(uow, complete)
        await change_statements.touch_case(uow, complete.case_id)
        return complete, None
    empty = replace(upload, received=0)
    if complete is ATTACHMENT_TYPE_WRONG:
        await attachments.drop_attachment(uow, attachment_id)
    else:
        await attachment_statements.drop_pieces(uow, attachment_id)
        await attachments.save_progress(uow, empty)
    return empty, complete


async def delete_abandoned_uploads(uow: UnitOfWork) -> int:
    """Deletes uploads that no device completed. Returns how many; call again until 0."""
    abandoned = await attachments.lock_abandoned(uow, before=uow.now - ABANDONED_AFTER, limit=ABANDONED_BATCH_SIZE)
    for attachment_id in abandoned:
        await attachments.drop_attachment(uow, attachment_id)
    return len(abandoned)


async def read_attachment(
    attachment_id: UUID, uow: UnitOfWork, *, cipher: FieldCipher
) -> tuple[Attachment, bytes] | Refusal:
    attachment = await attachments.lock_attachment(uow, attachment_id)
    if not attachment or not attachment.completed_at:
        return NO_ATTACHMENT
    return attachment, await attachment_statements.content_of(uow, attachment, cipher)
