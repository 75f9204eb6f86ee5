"""Finds single documents, without their files."""

from typing import Any, cast

from sqlalchemy.orm import QueryableAttribute, defer
from sqlmodel import col, select
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId

from intake.domain.documents import Document
from intake.tables import DocumentRow

_FILE = cast("QueryableAttribute[Any]", DocumentRow.pdf)


async def find_document_of_case(uow: UnitOfWork, case_id: CaseId) -> Document | None:
    """The valid document, else the one revoked last."""
    of_case = select(DocumentRow).options(defer(_FILE)).where(DocumentRow.case_id == case_id)
    newest = of_case.order_by(col(DocumentRow.revoked_at).desc().nulls_first(), col(DocumentRow.second_copy)).limit(1)
    row = (await uow.session.exec(newest)).first()
    return value_of(Document, row) if row else None
