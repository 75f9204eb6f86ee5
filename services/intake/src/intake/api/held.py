"""Entries that wait for others of their case: who waits, for what, and the way out when it never comes."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import EntryId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.api.outcome import told
from intake.domain.catalogue.book import Book
from intake.handlers.sync import give_up_held
from intake.store import ledger

MAX_HELD = 1000


class HeldOut(BaseModel):
    """`waits_for`: the case itself, or the case sequence that its device must send first."""

    entry_id: UUID
    case_id: UUID
    device_id: UUID
    device_seq: int
    case_seq: int
    type: str
    captured_at: datetime
    received_at: datetime
    waits_for: str


def held_routes(database: Database, sealer: Sealer, book: Book) -> APIRouter:
    router = APIRouter(tags=["held entries"])

    @router.get("/entries/held")
    async def held(_: Caller = only(Role.CLERK, Role.OPERATOR)) -> list[HeldOut]:
        """The 1,000 entries that wait longest. Empty: everything had its turn."""
        async with database.work() as work:
            return [_held_out(one) for one in await ledger.held_entries(work, limit=MAX_HELD)]

    @router.post("/entries/{entry_id}/give-up", status_code=204)
    async def give_up(entry_id: UUID, _: Caller = only(Role.OPERATOR)) -> None:
        """For a device that is lost or a case that never came: the entry is refused and kept, those after it go on."""
        async with database.work() as work:
            told(await give_up_held(EntryId(entry_id), work, sealer=sealer, book=book))

    return router


def _held_out(one: ledger.Held) -> HeldOut:
    comes_first = one.case_seq != one.expected
    return HeldOut(
        entry_id=one.entry_id,
        case_id=one.case_id,
        device_id=one.device_id,
        device_seq=one.device_seq,
        case_seq=one.case_seq,
        type=one.type,
        captured_at=one.captured_at,
        received_at=one.received_at,
        waits_for=f"case sequence {one.expected} of the same device" if comes_first else "the opening of the case",
    )
