"""Imports the export of a field device as if the device had sent it: each entry once, each file complete."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal

from intake.domain.attachment import Attachment
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import MAX_OFFLINE_AGE
from intake.domain.entry import AnyEntry, UnreadableEntry
from intake.domain.export import Export, ExportedFile
from intake.domain.refusals import attachment_incomplete
from intake.handlers import attachments
from intake.handlers.sync import EntryAnswer, SyncRequest, process_sync
from intake.store import enrolment
from intake.store.device_statements import was_at_stand

BATCH_SIZE = 100


@dataclass
class ImportSummary:
    """`statuses`: number of entries by result. `refused`: the refused entries. `files`: number of complete files."""

    statuses: Counter[str] = field(default_factory=Counter)
    refused: list[EntryAnswer] = field(default_factory=list)
    files: int = 0
    files_refused: list[tuple[str, str]] = field(default_factory=list)


def batches(export: Export, *, officer: str) -> Iterator[SyncRequest]:
    """The entries by stand, in the order of the device, up to `BATCH_SIZE` at a time."""
    by_stand: dict[UUID | None, list[AnyEntry | UnreadableEntry]] = {}
    for entry in export.entries:
        by_stand.setdefault(None if isinstance(entry, UnreadableEntry) else entry.stand_id, []).append(entry)
    for stand_id, entries in by_stand.items():
        caller = Principal(officer, frozenset({Role.CLERK}), export.device_id, stand_id)
        for begin in range(0, len(entries), BATCH_SIZE):
            yield SyncRequest(caller, export.device_id, tuple(entries[begin : begin + BATCH_SIZE]))


@asynccontextmanager
async def admitted(device_id: DeviceId, uow: UnitOfWork) -> AsyncIterator[None]:
    """Within this transaction a revoked device counts as enrolled. No other transaction sees that, whether this one
    commits or fails."""
    await uow.lock_id("device", device_id)
    revoked_at = await enrolment.lift_revocation(uow, device_id)
    yield
    if revoked_at:
        await enrolment.restore_revocation(uow, device_id, revoked_at)


async def import_batch(
    batch: SyncRequest, summary: ImportSummary, uow: UnitOfWork, *, cipher: FieldCipher, catalogue: Catalogue
) -> Refusal | None:
    """The device itself says at which stand it made its entries. Where it never was, they count as from elsewhere."""
    since, stand_id = uow.now - MAX_OFFLINE_AGE, batch.caller.stand_id
    if stand_id and not await was_at_stand(uow, batch.device_id, StandId(stand_id), since=since):
        batch = replace(batch, caller=replace(batch.caller, stand_id=None))
    answers = await process_sync(batch, uow, cipher=cipher, catalogue=catalogue)
    if isinstance(answers, Refusal):
        return answers
    summary.statuses.update("duplicate" if answer.duplicate else str(answer.status) for answer in answers)
    summary.refused += [answer for answer in answers if answer.refusal]
    return None


async def import_file(
    file: ExportedFile, summary: ImportSummary, uow: UnitOfWork, *, device_id: DeviceId, cipher: FieldCipher
) -> Refusal | None:
    """Continues after the bytes that the device had uploaded before. Of an incomplete file nothing is taken."""
    announced = Attachment(
        file.attachment_id,
        CaseId(file.case_id),
        device_id,
        file.kind,
        file.length,
        file.sha256,
        uow.now,
    )
    upload = await attachments.announce(announced, uow, stand_id=None)
    if isinstance(upload, Refusal):
        return upload
    if not upload.completed_at:
        if missing := file.missing_after(upload.received):
            return attachment_incomplete(file.attachment_id, missing)
        rest = file.content[upload.received :]
        outcome = await attachments.append_piece(
            file.attachment_id, rest, uow, offset=upload.received, device_id=device_id, cipher=cipher
        )
        refusal = outcome if isinstance(outcome, Refusal) else outcome[1]
        if refusal:
            return refusal
    summary.files += 1
    return None
