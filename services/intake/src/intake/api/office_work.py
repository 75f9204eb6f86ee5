"""What waits for the office: cases whose owner must act, and obligations of citizens. Both lists in pages."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from service_catalogue.models import Code
from wanderamt.contracts import DueDateKind, Language
from wanderamt.kernel.bounded import MAX_BIG_INT
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.cases import CaseOut, case_out, changed_case_out, due_date_titles
from intake.api.dependencies import Context, ObligationFulfiller, ObligationLister, WaitingCaseLister
from intake.domain.case.state import DueDateState
from intake.domain.refusals import LIST_PLACE_UNREADABLE
from intake.handlers import cases as case_handlers
from intake.handlers import due_dates
from intake.store import cases, due_date_statements
from intake.store.due_date_statements import PlaceInList

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
After = Annotated[str, Query(max_length=140, description="From the page before; without it, the first page.")]
Limit = Annotated[int, Query(ge=1, le=200)]

router = APIRouter()


class ObligationFilter(StrEnum):
    OPEN = "open"
    MISSED = "missed"


class UnmetObligationOut(BaseModel):
    """`owner`, `deadline`: of the case, if somebody must act because an obligation was missed."""

    case_id: UUID
    service: str
    stand_id: UUID
    number: str | None
    code: str
    titles: dict[Language, str]
    due_at: datetime
    state: DueDateState
    reminded_at: datetime | None
    owner: str
    deadline: datetime | None


class ObligationsPage(BaseModel):
    """`after`: for the next page; None: this is the last one."""

    obligations: list[UnmetObligationOut]
    after: str | None


class WaitingCasesPage(BaseModel):
    """`after`: for the next page; None: this is the last one."""

    cases: list[CaseOut]
    after: str | None


class FulfilIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    attachment_id: UUID | None = Field(None, description="The proof, as an attachment of the case.")


@router.get("/obligations", tags=["obligations"])
async def list_obligations(
    _: ObligationLister,
    uow: Transaction,
    context: Context,
    state: Annotated[ObligationFilter | None, Query(description="Without it, both.")] = None,
    after: After = "",
    limit: Limit = 100,
) -> ObligationsPage:
    """Obligations that are open or were missed, of all stands; those that are due first come first."""
    place = or_refuse(_read_place(after)) if after else None
    missed = None if state is None else state is ObligationFilter.MISSED
    rows = await due_date_statements.unmet_obligations(uow, context.cipher, missed=missed, after=place, limit=limit + 1)
    page = [
        UnmetObligationOut(
            case_id=row.case_id,
            service=row.service,
            stand_id=row.stand_id,
            number=row.number,
            code=row.code,
            titles=due_date_titles(context.catalogue, row.edition, DueDateKind.OBLIGATION)[row.code],
            due_at=row.due_at,
            state=DueDateState.MISSED if row.missed_at else DueDateState.OPEN,
            reminded_at=row.reminded_at,
            owner=row.owner,
            deadline=row.deadline,
        )
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return ObligationsPage(
        obligations=page, after=_write_place(PlaceInList(last.due_at, last.case_id, last.code)) if last else None
    )


@router.get("/waiting-cases", tags=["cases"])
async def list_waiting_cases(
    _: WaitingCaseLister, uow: Transaction, context: Context, after: After = "", limit: Limit = 100
) -> WaitingCasesPage:
    """Cases of all stands whose owner must act by a deadline; the earliest first. Also cases that have ended, of which
    an obligation was missed or a command at a register is to be undone."""
    place = or_refuse(_read_place(after)) if after else None
    records = await cases.waiting_cases(uow, context.cipher, after=place, limit=limit + 1)
    page = records[:limit]
    missing = await case_handlers.missing_scans(uow, page)
    last = page[-1].case if len(records) > limit else None
    return WaitingCasesPage(
        cases=[case_out(record, context.catalogue, missing=missing) for record in page],
        after=_write_place(PlaceInList(last.deadline, last.id, "")) if last and last.deadline else None,
    )


@router.post("/cases/{case_id}/obligations/{code}/fulfil", tags=["obligations"])
async def fulfil_obligation(
    case_id: UUID, code: Code, order: FulfilIn, caller: ObligationFulfiller, uow: Transaction, context: Context
) -> CaseOut:
    """Notes that the citizen has done what was due, or need not do it any more: the written reason says which."""
    record = await due_dates.fulfil(
        CaseId(case_id),
        code,
        uow,
        officer=caller.subject,
        reason=caller.reason,
        attachment_id=order.attachment_id,
        cipher=context.cipher,
        catalogue=context.catalogue,
    )
    return await changed_case_out(record, uow, context)


def _write_place(place: PlaceInList) -> str:
    return f"{(place.due_at - EPOCH) // timedelta(microseconds=1)}.{place.case_id.hex}.{place.code}"


def _read_place(text: str) -> PlaceInList | Refusal:
    try:
        microseconds, case_id, code = text.split(".")
        moment = int(microseconds)
        if not 0 <= moment <= MAX_BIG_INT:
            return LIST_PLACE_UNREADABLE
        return PlaceInList(EPOCH + timedelta(microseconds=moment), UUID(case_id), code)
    except (ValueError, OverflowError):
        return LIST_PLACE_UNREADABLE
