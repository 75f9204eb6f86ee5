"""Photos and scans, piece by piece."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from intake.domain.attachment import Attachment, add, begin, complete
from intake.domain.refusals import ATTACHMENT_LIES, NO_ATTACHMENT, NOT_ENROLLED, TOO_MANY_ATTACHMENTS
from intake.store import attachments, changes, devices

ABANDONED_AFTER = timedelta(days=30)  # as long as a device may be without network
ABANDONED_AT_ONCE = 20
MAX_BEGUN = 200  # of one device: twenty mebibytes each at most


async def announce(wanted: Attachment, work: Work) -> Attachment | Refusal:
    if not await devices.device_enrolled(work, wanted.device_id):
        return NOT_ENROLLED
    known = await attachments.lock_attachment(work, wanted.id)
    if not known and await attachments.count_begun(work, wanted.device_id) >= MAX_BEGUN:
        return TOO_MANY_ATTACHMENTS
    begun = begin(known, wanted)
    if not known and isinstance(begun, Attachment):
        await attachments.save_attachment(work, begun)
    return begun


async def find(attachment_id: UUID, work: Work, *, device_id: DeviceId) -> Attachment | Refusal:
    """How far it came. Of others' devices nothing is said."""
    known = await attachments.lock_attachment(work, attachment_id)
    return known if known and known.device_id == device_id else NO_ATTACHMENT


async def take_piece(
    attachment_id: UUID, piece: bytes, work: Work, *, offset: int, device_id: DeviceId, sealer: Sealer
) -> tuple[Attachment, Refusal | None] | Refusal:
    """The attachment as it is now; with a refusal when all bytes came and were not what was announced.

    They are thrown away then, which must last: the refusal is told after the commit.
    """
    if not await devices.device_enrolled(work, device_id):
        return NOT_ENROLLED
    known = await find(attachment_id, work, device_id=device_id)
    if isinstance(known, Refusal):
        return known
    grown = add(known, piece, offset=offset)
    if isinstance(grown, Refusal):
        return grown
    if piece:
        await attachments.add_piece(work, grown, piece, start=offset, sealer=sealer)
    if grown.offset < grown.length:
        await attachments.save_attachment(work, grown)
        return grown, None
    content = await attachments.content_of(work, grown, sealer)
    whole = await asyncio.to_thread(complete, grown, content, now=work.now)
    if isinstance(whole, Attachment):
        await attachments.save_attachment(work, whole)
        await changes.touch_case(work, whole.case_id)
        return whole, None
    empty = replace(grown, offset=0)
    if whole is ATTACHMENT_LIES:
        await attachments.drop_attachment(work, attachment_id)
    else:
        await attachments.drop_pieces(work, attachment_id)
        await attachments.save_attachment(work, empty)
    return empty, whole


async def throw_away_abandoned(work: Work) -> int:
    """What a device never sent to its end. How many; call again while there are."""
    abandoned = await attachments.lock_abandoned(work, before=work.now - ABANDONED_AFTER, limit=ABANDONED_AT_ONCE)
    for attachment_id in abandoned:
        await attachments.drop_attachment(work, attachment_id)
    return len(abandoned)


async def show(attachment_id: UUID, work: Work, *, sealer: Sealer) -> tuple[Attachment, bytes] | Refusal:
    found = await attachments.lock_attachment(work, attachment_id)
    if not found or not found.completed_at:
        return NO_ATTACHMENT
    return found, await attachments.content_of(work, found, sealer)
