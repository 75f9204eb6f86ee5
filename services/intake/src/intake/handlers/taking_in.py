"""An export of a field device, taken in as if the device had sent it: each entry once, each file whole."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller

from intake.domain.attachment import Attachment, Kind
from intake.domain.catalogue.book import Book
from intake.domain.entry import AnyEntry, UnreadableEntry
from intake.domain.export import Export, ExportedFile
from intake.handlers import attachments
from intake.handlers.sync import Answer, Sync, take

AT_ONCE = 100


@dataclass
class TakenIn:
    """`fates`: how many entries ended how; `refused`: those that were, with why; `files`: that are whole now."""

    fates: Counter[str] = field(default_factory=Counter)
    refused: list[Answer] = field(default_factory=list)
    files: int = 0
    files_refused: list[tuple[str, str]] = field(default_factory=list)


def parcels(export: Export, *, officer: str) -> Iterator[Sync]:
    """The entries by stand, in the order of the device, so many at a time."""
    by_stand: dict[UUID | None, list[AnyEntry | UnreadableEntry]] = {}
    for one in export.entries:
        by_stand.setdefault(None if isinstance(one, UnreadableEntry) else one.stand_id, []).append(one)
    for stand_id, own in by_stand.items():
        caller = Caller(officer, frozenset({Role.CLERK}), export.device_id, stand_id)
        for begin in range(0, len(own), AT_ONCE):
            yield Sync(caller, export.device_id, tuple(own[begin : begin + AT_ONCE]))


async def take_parcel(parcel: Sync, taken: TakenIn, work: Work, *, sealer: Sealer, book: Book) -> Refusal | None:
    answers = await take(parcel, work, sealer=sealer, book=book)
    if isinstance(answers, Refusal):
        return answers
    taken.fates.update("duplicate" if one.duplicate else str(one.fate) for one in answers)
    taken.refused += [one for one in answers if one.refusal]
    return None


async def take_file(
    one: ExportedFile, taken: TakenIn, work: Work, *, device_id: DeviceId, sealer: Sealer
) -> Refusal | None:
    """What the device had sent of it before counts."""
    wanted = Attachment(
        one.attachment_id, CaseId(one.case_id), device_id, Kind(one.kind), one.length, one.sha256, work.now
    )
    begun = await attachments.announce(wanted, work)
    if isinstance(begun, Refusal):
        return begun
    if not begun.completed_at:
        left = one.content[begun.offset :]
        done = await attachments.take_piece(
            one.attachment_id, left, work, offset=begun.offset, device_id=device_id, sealer=sealer
        )
        refusal = done if isinstance(done, Refusal) else done[1]
        if refusal:
            return refusal
    taken.files += 1
    return None
