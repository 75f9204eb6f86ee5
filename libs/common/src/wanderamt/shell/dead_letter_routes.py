"""Routes for operators, the same on every service: events and jobs that failed, to retry or to discard.

Invariants: no route shows the content of an event or job; each action is recorded with the operator's name.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from wanderamt.backbone.messaging import dead_letter_queries
from wanderamt.backbone.messaging.dead_letter import DeadLetterKind, DeadLetterState
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, DeadLetterRow
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.replay import discard, replay
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.line_text import LineText
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import require
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

MAX_ROWS = 200
MAX_ID = 2**63 - 1

NO_DEAD_LETTER = Refusal(
    "dead_letter.unknown",
    "There is no such dead letter: it was retried or discarded. List them again.",
    RefusalKind.NOT_FOUND,
)
WAITS = Refusal(
    "dead_letter.waits",
    "An earlier event of the same aggregate failed first. Retry that one: the later ones follow.",
    RefusalKind.CONFLICT,
)
NO_CONSUMER = Refusal(
    "dead_letter.no_consumer",
    "This service no longer has the consumer of this event. Discard the dead letter, or deploy the consumer.",
    RefusalKind.CONFLICT,
)

router = APIRouter(tags=["dead letters"], prefix="/dead-letters")

Operator = Annotated[Principal, require(Action.KEEP_DEAD_LETTERS)]
DeadLetterId = Annotated[int, Path(ge=1, le=MAX_ID)]


class DeadLetterPage(BaseModel):
    """Oldest first. `next_after`: the parameter `after` of the next page; null on the last one."""

    dead_letters: list[DeadLetterRow]
    next_after: int | None


class DiscardIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: LineText = Field(min_length=1, max_length=500, examples=["The register has the entry already."])


class RetryOut(BaseModel):
    """In dead letters: a retried event is handled again now, with those behind it; a retried job runs soon.

    `stale`: a later event of the aggregate was handled before. `reasons`: why some failed again.
    """

    replayed: int
    stale: int
    failed: int
    reasons: list[str]


@router.get("")
async def list_dead_letters(
    _: Operator,
    uow: Transaction,
    kind: Annotated[DeadLetterKind | None, Query()] = None,
    state: Annotated[DeadLetterState | None, Query()] = None,
    fingerprint: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> DeadLetterPage:
    """Events and jobs that failed, and events that wait behind them."""
    rows = await dead_letter_queries.list_rows(
        uow, limit=limit + 1, after=after, kind=kind, state=state, fingerprint=fingerprint
    )
    page = rows[:limit]
    return DeadLetterPage(dead_letters=page, next_after=page[-1].id if len(rows) > limit else None)


@router.get("/{dead_letter_id}")
async def show_dead_letter(_: Operator, dead_letter_id: DeadLetterId, uow: Transaction) -> DeadLetterRow:
    return or_refuse(await _find(uow, dead_letter_id))


@router.post("/{dead_letter_id}/retry")
async def retry_dead_letter(caller: Operator, dead_letter_id: DeadLetterId, request: Request) -> RetryOut:
    """Handles an event and those behind it again, or makes a job due again. The cause should be fixed before."""
    database: Database = request.app.state.database
    inboxes: dict[str, Inbox] = request.app.state.inboxes
    async with database.unit_of_work() as uow:
        row = or_refuse(await _find(uow, dead_letter_id))
    inbox = or_refuse(inboxes.get(row.consumer) or NO_CONSUMER)
    summaries = [summary async for summary in replay(inbox, DeadLetterFilter(id=row.id), who=caller.subject, rate=None)]
    summary = or_refuse(summaries[-1] if summaries else WAITS)
    return RetryOut(
        replayed=summary.replayed, stale=summary.stale, failed=summary.failed, reasons=sorted(summary.reasons)
    )


@router.post("/{dead_letter_id}/discard", status_code=204)
async def discard_dead_letter(
    caller: Operator, dead_letter_id: DeadLetterId, reason: DiscardIn, uow: Transaction
) -> None:
    """Deletes it; later jobs of its key run, and events behind it wait until one of them is retried."""
    row = or_refuse(await _find(uow, dead_letter_id))
    await discard(uow, row.consumer, DeadLetterFilter(id=row.id), who=caller.subject, why=reason.why)


async def _find(uow: UnitOfWork, dead_letter_id: int) -> DeadLetterRow | Refusal:
    return await dead_letter_queries.find_row(uow, dead_letter_id) or NO_DEAD_LETTER
