"""Cases and their documents, for the crew and the back office."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import DueDateKind, Language
from wanderamt.kernel.bounded import BoundedTime
from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.bpk import Bpk
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import Require
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import (
    CaseChanger,
    CaseLister,
    CaseReader,
    CaseTaker,
    Context,
    DocumentReader,
)
from intake.domain.case.state import Case, DueDateState
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.documents import Document
from intake.domain.entry import BpkText, FillBody
from intake.handlers import cases as case_handlers
from intake.handlers.context import IntakeContext
from intake.handlers.documents import read_file
from intake.store import cases as case_store
from intake.store.case_statements import CaseRecord

MAX_CASES = 1000

router = APIRouter()


class CaseCallOut(BaseModel):
    """A call of the case to a register. `status`: asked, done, skipped, denied, unavailable, blocked (a fault of ours),
    or being undone: to_undo, undoing, undo_blocked."""

    call: str
    status: str


class DueDateOut(BaseModel):
    """A deadline of the application, or what the citizen must still do after it."""

    code: str
    titles: dict[Language, str]
    due_at: datetime
    state: DueDateState


class CaseOut(BaseModel):
    """A case without personal data."""

    case_id: UUID
    service: str
    edition: str
    stand_id: UUID
    state: str
    version: int
    owner: str
    reason: str
    deadline: datetime | None
    captured_at: datetime
    opened_at: datetime
    finished_at: datetime | None
    number: str | None
    identified: str
    papers: list[str]
    missing_attachments: list[UUID] = Field([], description="Scans that are still on a device.")
    paid_cents: int
    calls: list[CaseCallOut] = []
    because: str = Field("", description="Why it cannot go on, as a code: rule:<code> or <call>:<verdict>.")
    provisional_number: str | None
    document_id: UUID | None = None
    document_number: str | None = None
    document_revoked_at: datetime | None = None
    document_problem: str | None = Field(None, description="Why the document of the case cannot be printed yet.")
    document_owner: str | None = Field(None, description="Who looks after that problem.")
    deadlines: list[DueDateOut] = Field([], description="Until when the citizen had to apply; met or missed.")
    obligations: list[DueDateOut] = Field([], description="What the citizen must still do after the case, or has done.")


class HandOverIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: LineText = Field(min_length=1, max_length=100, examples=["office Hauptplatz"])
    reason: LineText = Field(min_length=1, max_length=500, examples=["the original must be seen"])
    deadline: BoundedTime


class ReopenIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: LineText = Field(min_length=1, max_length=500, examples=["the register was wrong"])
    correct: FillBody | None = Field(None, description="What was wrong: orders that depend on it are repeated.")
    withdraw: bool = Field(default=False, description="The citizen withdraws: orders at registers are undone.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> "ReopenIn":
        if self.correct and self.withdraw:
            raise ValueError("either 'correct' or 'withdraw'")
        return self


class PersonIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bpk: BpkText


class RequirePersonSearch(Require):
    """Also records who was searched for, as a keyed hash: auditors see which searches are for one person, not whom."""

    async def subject_in_body(self, request: Request) -> str:
        context: IntakeContext = request.app.state.context
        try:
            person = PersonIn.model_validate_json(await request.body())
        except ValueError:  # the route refuses it
            return ""
        return context.cipher.keyed_hash(f"searched person:{person.bpk}".encode()).hex()


PersonSearcher = Annotated[Principal, Depends(RequirePersonSearch(Action.FIND_CASES_OF_PERSON))]


@router.get("/cases/{case_id}", tags=["cases"])
async def show_case(case_id: UUID, _: CaseReader, uow: Transaction, context: Context) -> CaseOut:
    record, document = or_refuse(await case_handlers.show_case(CaseId(case_id), uow, cipher=context.cipher))
    return case_out(record, context.catalogue, document, missing=await case_handlers.missing_scans(uow, [record]))


@router.post("/cases/{case_id}/hand-over", tags=["cases"])
async def hand_over_case(
    case_id: UUID, order: HandOverIn, caller: CaseChanger, uow: Transaction, context: Context
) -> CaseOut:
    """Gives the case to another person or office, who must act before the deadline."""
    record = await case_handlers.hand_over(
        CaseId(case_id),
        uow,
        to=order.to,
        reason=order.reason,
        deadline=order.deadline,
        officer=caller.subject,
        cipher=context.cipher,
        catalogue=context.catalogue,
    )
    return await changed_case_out(record, uow, context)


@router.post("/cases/{case_id}/take", tags=["cases"])
async def take_case(case_id: UUID, caller: CaseTaker, uow: Transaction, context: Context) -> CaseOut:
    """Takes a case of another stand to the caller's, for a written reason: from now on both crews work on it."""
    record = await case_handlers.take_to_stand(
        CaseId(case_id),
        uow,
        stand_id=caller.stand_id,
        reason=caller.reason,
        officer=caller.officer,
        cipher=context.cipher,
        catalogue=context.catalogue,
    )
    return await changed_case_out(record, uow, context)


@router.post("/cases/{case_id}/withdraw", tags=["cases"])
async def withdraw_case(case_id: UUID, caller: CaseChanger, uow: Transaction, context: Context) -> CaseOut:
    """Ends the case at the citizen's wish. Fees become refunds; a provisional document is revoked."""
    record = await case_handlers.withdraw(
        CaseId(case_id), uow, officer=caller.subject, cipher=context.cipher, catalogue=context.catalogue
    )
    return await changed_case_out(record, uow, context)


@router.post("/cases/{case_id}/close", tags=["cases"])
async def close_case(case_id: UUID, caller: CaseChanger, uow: Transaction, context: Context) -> CaseOut:
    """Closes a case that has ended; its retention period begins."""
    record = await case_handlers.close(
        CaseId(case_id), uow, officer=caller.subject, cipher=context.cipher, catalogue=context.catalogue
    )
    return await changed_case_out(record, uow, context)


@router.post("/cases/{case_id}/ask-again", tags=["cases"])
async def ask_registers_again(case_id: UUID, caller: CaseChanger, uow: Transaction, context: Context) -> CaseOut:
    """Repeats what registers did not answer, refused, or could not be asked: somebody has mended the cause."""
    record = await case_handlers.ask_again(
        CaseId(case_id), uow, officer=caller.subject, cipher=context.cipher, catalogue=context.catalogue
    )
    return await changed_case_out(record, uow, context)


@router.post("/cases/{case_id}/reopen", tags=["cases"])
async def reopen_case(
    case_id: UUID, order: ReopenIn, caller: CaseChanger, uow: Transaction, context: Context
) -> CaseOut:
    """Continues a case that had ended. Its document is revoked.

    Without a correction, a case that lacks nothing finishes again at once, with a new document.
    """
    record = await case_handlers.reopen(
        CaseId(case_id),
        uow,
        reason=order.reason,
        correct=order.correct,
        withdraw=order.withdraw,
        officer=caller.subject,
        cipher=context.cipher,
        catalogue=context.catalogue,
    )
    return await changed_case_out(record, uow, context)


@router.get("/stands/{stand_id}/cases", tags=["cases"])
async def cases_of_stand(stand_id: UUID, _: CaseLister, uow: Transaction, context: Context) -> list[CaseOut]:
    """The newest 1,000 cases of a stand."""
    records = await case_store.cases_of_stand(uow, StandId(stand_id), context.cipher, limit=MAX_CASES)
    missing = await case_handlers.missing_scans(uow, records)
    return [case_out(record, context.catalogue, missing=missing) for record in records]


@router.post("/persons/cases", tags=["cases"])
async def cases_of_person(
    person: PersonIn, caller: PersonSearcher, uow: Transaction, context: Context
) -> list[CaseOut]:
    """The newest 1,000 cases of a person in the sector of the bPK. The bPK is in the body: URLs end up in logs.

    Without a written reason only those of the caller's stand.
    """
    stand_id = StandId(caller.stand_id) if caller.stand_id and not caller.reason else None
    records = await case_store.cases_of_person(uow, Bpk(person.bpk), context.cipher, limit=MAX_CASES, stand_id=stand_id)
    missing = await case_handlers.missing_scans(uow, records)
    return [case_out(record, context.catalogue, missing=missing) for record in records]


@router.get("/documents/{document_id}.pdf", tags=["documents"], response_class=Response)
async def download_document(document_id: UUID, _: DocumentReader, uow: Transaction, context: Context) -> Response:
    pdf = or_refuse(await read_file(DocumentId(document_id), uow, cipher=context.cipher))
    return Response(pdf, media_type="application/pdf")


async def changed_case_out(outcome: CaseRecord | Refusal, uow: UnitOfWork, context: IntakeContext) -> CaseOut:
    record = or_refuse(outcome)
    return case_out(record, context.catalogue, missing=await case_handlers.missing_scans(uow, [record]))


def case_out(
    record: CaseRecord, catalogue: Catalogue, document: Document | None = None, *, missing: AbstractSet[UUID]
) -> CaseOut:
    """`missing`: scans that are still on a device, of this case or of others."""
    case = record.case
    issued = document if document and document.rendered else None
    return CaseOut(
        case_id=case.id,
        service=case.service,
        edition=case.edition,
        stand_id=case.stand_id,
        state=case.state,
        version=case.version,
        owner=case.owner,
        reason=case.reason,
        deadline=case.deadline,
        captured_at=case.captured_at,
        opened_at=record.opened_at,
        finished_at=record.finished_at,
        number=case.number,
        identified=case.identified,
        papers=sorted(case.documents_seen),
        missing_attachments=sorted(case.attachments & missing),
        paid_cents=case.paid_cents,
        calls=[CaseCallOut(call=code, status=call.status) for code, call in case.calls.items()],
        because=case.because,
        provisional_number=case.provisional_document.number if case.provisional_document else None,
        document_id=issued.document_id if issued else None,
        document_number=issued.number if issued else None,
        document_revoked_at=document.revoked_at if document else None,
        document_problem=document.problem if document else None,
        document_owner=document.problem_owner if document else None,
        deadlines=due_dates_out(case, catalogue, DueDateKind.DEADLINE),
        obligations=due_dates_out(case, catalogue, DueDateKind.OBLIGATION),
    )


def due_dates_out(case: Case, catalogue: Catalogue, kind: DueDateKind) -> list[DueDateOut]:
    if not case.due_dates:
        return []
    titles = due_date_titles(catalogue, case.edition, kind)
    return [
        DueDateOut(code=due.code, titles=titles[due.code], due_at=due.due_at, state=due.state)
        for due in case.due_dates
        if due.kind is kind
    ]


def due_date_titles(catalogue: Catalogue, edition: str, kind: DueDateKind) -> dict[str, dict[Language, str]]:
    """By code. Raises RefusalError for an edition that the catalogue does not have."""
    pinned = or_refuse(catalogue.pinned_edition(edition)).edition
    defined = pinned.deadlines if kind is DueDateKind.DEADLINE else pinned.obligations
    return {
        definition.code: {language: definition.titles.in_language(language) for language in Language}
        for definition in defined
    }
