"""Finds single documents."""

from sqlmodel import col, select
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DocumentId

from intake.domain.documents import Document
from intake.tables import DocumentRow


async def find_document(uow: UnitOfWork, document_id: DocumentId) -> Document | None:
    document = select(DocumentRow).where(DocumentRow.document_id == document_id)
    row = (await uow.session.exec(document)).first()
    return value_of(Document, row) if row else None


async def find_document_of_case(uow: UnitOfWork, case_id: CaseId) -> Document | None:
    """The valid document, else the one revoked last."""
    of_case = select(DocumentRow).where(DocumentRow.case_id == case_id)
    newest = of_case.order_by(col(DocumentRow.revoked_at).desc().nulls_first(), col(DocumentRow.second_copy)).limit(1)
    row = (await uow.session.exec(newest)).first()
    return value_of(Document, row) if row else None
