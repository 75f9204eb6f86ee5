"""Cases and their documents, for the crew and the back office."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.bpk import Bpk
from wanderamt.shell.http import Transaction
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import AnyStaff, Clerk, ClerkOrOperator, Context
from intake.domain.documents import Document
from intake.domain.entry import BpkText
from intake.handlers import cases as case_handlers
from intake.handlers.documents import show_document
from intake.store import cases as case_store
from intake.store.case_statements import CaseRecord

MAX_CASES = 1000

router = APIRouter()


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
    provisional_number: str | None
    document_id: UUID | None = None
    document_number: str | None = None
    document_revoked_at: datetime | None = None


class HandOverIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to: str = Field(min_length=1, max_length=100, examples=["office Hauptplatz"])
    reason: str = Field(min_length=1, max_length=500, examples=["the original must be seen"])
    deadline: AwareDatetime


class ReopenIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=500, examples=["the register was wrong"])


class PersonIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bpk: BpkText


@router.get("/cases/{case_id}", tags=["cases"])
async def show_case(case_id: UUID, _: ClerkOrOperator, uow: Transaction, context: Context) -> CaseOut:
    record, document = or_refuse(await case_handlers.show_case(CaseId(case_id), uow, cipher=context.cipher))
    return case_out(record, document, missing=await case_handlers.missing_scans(uow, [record]))


@router.post("/cases/{case_id}/hand-over", tags=["cases"])
async def hand_over_case(
    case_id: UUID, order: HandOverIn, caller: Clerk, uow: Transaction, context: Context
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
    return await _changed_case_out(record, uow)


@router.post("/cases/{case_id}/withdraw", tags=["cases"])
async def withdraw_case(case_id: UUID, caller: Clerk, uow: Transaction, context: Context) -> CaseOut:
    """Ends the case at the citizen's wish. Fees become refunds; a provisional document is revoked."""
    record = await case_handlers.withdraw(
        CaseId(case_id), uow, officer=caller.subject, cipher=context.cipher, catalogue=context.catalogue
    )
    return await _changed_case_out(record, uow)


@router.post("/cases/{case_id}/close", tags=["cases"])
async def close_case(case_id: UUID, caller: Clerk, uow: Transaction, context: Context) -> CaseOut:
    """Closes a case that has ended; its retention period begins."""
    record = await case_handlers.close(
        CaseId(case_id), uow, officer=caller.subject, cipher=context.cipher, catalogue=context.catalogue
    )
    return await _changed_case_out(record, uow)


@router.post("/cases/{case_id}/reopen", tags=["cases"])
async def reopen_case(case_id: UUID, order: ReopenIn, caller: Clerk, uow: Transaction, context: Context) -> CaseOut:
    """Continues a case that had ended. Its document is revoked."""
    record = await case_handlers.reopen(
        CaseId(case_id),
        uow,
        reason=order.reason,
        officer=caller.subject,
        cipher=context.cipher,
        catalogue=context.catalogue,
    )
    return await _changed_case_out(record, uow)


@router.get("/stands/{stand_id}/cases", tags=["cases"])
async def cases_of_stand(stand_id: UUID, _: AnyStaff, uow: Transaction, context: Context) -> list[CaseOut]:
    """The newest 1,000 cases of a stand."""
    records = await case_store.cases_of_stand(uow, StandId(stand_id), context.cipher, limit=MAX_CASES)
    missing = await case_handlers.missing_scans(uow, records)
    return [case_out(record, missing=missing) for record in records]


@router.post("/persons/cases", tags=["cases"])
async def cases_of_person(person: PersonIn, _: Clerk, uow: Transaction, context: Context) -> list[CaseOut]:
    """The newest 1,000 cases of a person in the sector of the bPK. The bPK is in the body: URLs end up in logs."""
    records = await case_store.cases_of_person(uow, Bpk(person.bpk), context.cipher, limit=MAX_CASES)
    missing = await case_handlers.missing_scans(uow, records)
    return [case_out(record, missing=missing) for record in records]


@router.get("/documents/{document_id}.pdf", tags=["documents"], response_class=Response)
async def download_document(document_id: UUID, _: Clerk, uow: Transaction) -> Response:
    document = or_refuse(await show_document(DocumentId(document_id), uow))
    return Response(document.pdf, media_type="application/pdf", headers={"Cache-Control": "no-store"})


async def _changed_case_out(outcome: CaseRecord | Refusal, uow: UnitOfWork) -> CaseOut:
    record = or_refuse(outcome)
    return case_out(record, missing=await case_handlers.missing_scans(uow, [record]))


def case_out(record: CaseRecord, document: Document | None = None, *, missing: AbstractSet[UUID]) -> CaseOut:
    """`missing`: scans that are still on a device, of this case or of others."""
    case = record.case
    issued = document if document and document.pdf else None
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
        provisional_number=case.provisional_document.number if case.provisional_document else None,
        document_id=issued.document_id if issued else None,
        document_number=issued.number if issued else None,
        document_revoked_at=document.revoked_at if document else None,
    )
