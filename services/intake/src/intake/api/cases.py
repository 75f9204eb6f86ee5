"""Cases and their documents, for the crew and the office."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DocumentId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.bpk import Bpk
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only

from intake.api.outcome import told
from intake.domain.catalogue.book import Book
from intake.domain.documents import Document
from intake.domain.entry import BpkText
from intake.handlers import cases as orders
from intake.handlers.documents import show_document
from intake.store import cases as files
from intake.store.cases import Filed

MAX_CASES = 1000


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


def case_routes(database: Database, sealer: Sealer, book: Book) -> APIRouter:
    router = APIRouter()

    @router.get("/cases/{case_id}", tags=["cases"])
    async def case(case_id: UUID, _: Caller = only(Role.CLERK, Role.OPERATOR)) -> CaseOut:
        async with database.work() as work:
            found, document = told(await orders.show_case(CaseId(case_id), work, sealer=sealer))
            return case_out(found, document, missing=await orders.scans_on_devices(work, [found]))

    @router.post("/cases/{case_id}/hand-over", tags=["cases"])
    async def hand_over(case_id: UUID, order: HandOverIn, caller: Caller = only(Role.CLERK)) -> CaseOut:
        """Gives the case to somebody else, who must have acted by the deadline."""
        async with database.work() as work:
            filed = await orders.hand_over(
                CaseId(case_id),
                work,
                to=order.to,
                reason=order.reason,
                deadline=order.deadline,
                officer=caller.subject,
                sealer=sealer,
                book=book,
            )
            return await _ordered(filed, work)

    @router.post("/cases/{case_id}/withdraw", tags=["cases"])
    async def withdraw(case_id: UUID, caller: Caller = only(Role.CLERK)) -> CaseOut:
        """By the citizen's wish. What was paid is owed back, a provisional paper is void."""
        async with database.work() as work:
            filed = await orders.withdraw(CaseId(case_id), work, officer=caller.subject, sealer=sealer, book=book)
            return await _ordered(filed, work)

    @router.post("/cases/{case_id}/close", tags=["cases"])
    async def close(case_id: UUID, caller: Caller = only(Role.CLERK)) -> CaseOut:
        """Nothing is expected any more: its retention begins."""
        async with database.work() as work:
            filed = await orders.close(CaseId(case_id), work, officer=caller.subject, sealer=sealer, book=book)
            return await _ordered(filed, work)

    @router.post("/cases/{case_id}/reopen", tags=["cases"])
    async def reopen(case_id: UUID, order: ReopenIn, caller: Caller = only(Role.CLERK)) -> CaseOut:
        """Goes on with a case that had ended. Its document does not count any more."""
        async with database.work() as work:
            filed = await orders.reopen(
                CaseId(case_id), work, reason=order.reason, officer=caller.subject, sealer=sealer, book=book
            )
            return await _ordered(filed, work)

    @router.get("/stands/{stand_id}/cases", tags=["cases"])
    async def cases(stand_id: UUID, _: Caller = only(Role.CLERK, Role.PLANNER, Role.OPERATOR)) -> list[CaseOut]:
        """The newest 1,000 cases of a stand."""
        async with database.work() as work:
            found = await files.cases_of_stand(work, StandId(stand_id), sealer, limit=MAX_CASES)
            missing = await orders.scans_on_devices(work, found)
        return [case_out(one, missing=missing) for one in found]

    @router.post("/persons/cases", tags=["cases"])
    async def cases_of_person(person: PersonIn, _: Caller = only(Role.CLERK)) -> list[CaseOut]:
        """The newest 1,000 cases of a person in the sector of the bPK. It is asked by body: addresses end in logs."""
        async with database.work() as work:
            found = await files.cases_of_person(work, Bpk(person.bpk), sealer, limit=MAX_CASES)
            missing = await orders.scans_on_devices(work, found)
        return [case_out(one, missing=missing) for one in found]

    @router.get("/documents/{document_id}.pdf", tags=["documents"], response_class=Response)
    async def document(document_id: UUID, _: Caller = only(Role.CLERK)) -> Response:
        async with database.work() as work:
            found = told(await show_document(DocumentId(document_id), work))
        return Response(found.pdf, media_type="application/pdf", headers={"Cache-Control": "no-store"})

    return router


async def _ordered(filed: Filed | Refusal, work: Work) -> CaseOut:
    found = told(filed)
    return case_out(found, missing=await orders.scans_on_devices(work, [found]))


def case_out(filed: Filed, document: Document | None = None, *, missing: AbstractSet[UUID]) -> CaseOut:
    """`missing`: scans that are still on a device, of this case or of others."""
    case = filed.case
    made = document if document and document.pdf else None
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
        opened_at=filed.opened_at,
        finished_at=filed.finished_at,
        number=case.number,
        identified=case.identified,
        papers=sorted(case.papers),
        missing_attachments=sorted(case.attachments & missing),
        paid_cents=case.paid_cents,
        provisional_number=case.receipt.number if case.receipt else None,
        document_id=made.id if made else None,
        document_number=made.number if made else None,
        document_revoked_at=document.revoked_at if document else None,
    )
