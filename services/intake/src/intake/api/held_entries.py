"""Entries that wait for earlier entries of their case, and how an operator abandons an entry whose turn never comes."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from wanderamt.kernel.ids import EntryId
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import Context, EntryAbandoner, HeldEntryLister
from intake.handlers.sync import abandon_held_entry
from intake.store.held_entries import HeldEntry, held_entries

MAX_HELD = 1000

router = APIRouter(tags=["held entries"])


class HeldEntryOut(BaseModel):
    """`waits_for`: the opening of the case, or the case sequence that its device must send first."""

    entry_id: UUID
    case_id: UUID
    device_id: UUID
    device_seq: int
    case_seq: int
    type: str
    captured_at: datetime
    received_at: datetime
    waits_for: str


@router.get("/entries/held")
async def list_held_entries(_: HeldEntryLister, uow: Transaction) -> list[HeldEntryOut]:
    """The 1,000 entries that have waited longest."""
    return [_held_entry_out(entry) for entry in await held_entries(uow, limit=MAX_HELD)]


@router.post("/entries/{entry_id}/abandon", status_code=204)
async def abandon_entry(entry_id: UUID, _: EntryAbandoner, uow: Transaction, context: Context) -> None:
    """For a lost device, or a case that was never opened: refuses and keeps the entry; later entries continue."""
    or_refuse(await abandon_held_entry(EntryId(entry_id), uow, cipher=context.cipher, catalogue=context.catalogue))


def _held_entry_out(entry: HeldEntry) -> HeldEntryOut:
    waits_for_entry = entry.case_seq != entry.expected
    return HeldEntryOut(
        entry_id=entry.entry_id,
        case_id=entry.case_id,
        device_id=entry.device_id,
        device_seq=entry.device_seq,
        case_seq=entry.case_seq,
        type=entry.type,
        captured_at=entry.captured_at,
        received_at=entry.received_at,
        waits_for=f"case sequence {entry.expected} of the same device"
        if waits_for_entry
        else "the opening of the case",
    )
