"""What is issued when: one document per final case, with a number that no other document has."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from wanderamt.contracts import DocumentIssued
from wanderamt.kernel.decision import Decision, Job
from wanderamt.kernel.ids import CaseId, DocumentId

from intake.domain.case import Case


class IssueDocument(Job):
    """Renders a document. Jobs of one case run one after the other."""

    QUEUE: ClassVar[str] = "issue-document"
    KEY: ClassVar[str] = "case_id"
    DEADLINE_S: ClassVar[int] = 24 * 3600

    case_id: UUID
    document_id: UUID


@dataclass(frozen=True, slots=True)
class Document:
    """Without `pdf` it is ordered but not made yet."""

    id: DocumentId
    case_id: CaseId
    number: str
    ordered_at: datetime
    sha256: str | None = None
    pdf: bytes | None = None
    issued_at: datetime | None = None


def document_number(year: int, serial: int) -> str:
    """Such as MB-2026-000042; unique because `serial` is never given twice."""
    return f"MB-{year}-{serial:06d}"


def order_document(case: Case, *, document_id: DocumentId, serial: int, now: datetime) -> Decision[Document]:
    document = Document(document_id, case.id, document_number(now.year, serial), now)
    return Decision(document, jobs=(IssueDocument(case_id=case.id, document_id=document_id),))


def issue(document: Document, case: Case, *, pdf: bytes, sha256: str, now: datetime) -> Decision[Document]:
    issued = replace(document, pdf=pdf, sha256=sha256, issued_at=now)
    event = DocumentIssued(
        document_id=document.id,
        case_id=case.id,
        service=case.service,
        stand_id=case.stand_id,
        number=document.number,
        sha256=sha256,
        language=case.language,
        contact=case.contact,
        issued_at=now,
    )
    return Decision(issued, (event,))
