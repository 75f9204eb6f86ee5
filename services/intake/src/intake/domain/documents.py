"""What is issued when: one document per final case, with a number that no other document has; and what is taken back.

Kept true: a paper that was given provisionally and the final one are one document with one number; a document that was
taken back stays so, and its case may get another one.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from wanderamt.contracts import DocumentIssued, DocumentRevoked
from wanderamt.kernel.decision import Decision, Job
from wanderamt.kernel.ids import CaseId, DocumentId
from wanderamt.kernel.sealed import Sealed

from intake.domain.process.case import Case
from intake.domain.process.happening import ReceiptGiven


class IssueDocument(Job):
    """Renders a document. Jobs of one case run one after the other."""

    QUEUE: ClassVar[str] = "issue-document"
    KEY: ClassVar[str] = "case_id"
    DEADLINE_S: ClassVar[int] = 24 * 3600

    case_id: UUID
    document_id: UUID


@dataclass(frozen=True, slots=True)
class Document:
    """Without `pdf` it is ordered but not made yet. `version`: how many events of it were told.

    `status_index`: its place in the status list; given when it is kept for the first time, if not before.
    `beside`: given at a stand while the office had made one already; both say the same.
    """

    id: DocumentId
    case_id: CaseId
    number: str
    ordered_at: datetime
    version: int = 0
    sha256: str | None = None
    pdf: bytes | None = None
    issued_at: datetime | None = None
    revoked_at: datetime | None = None
    status_index: int | None = None
    beside: bool = False


def document_number(year: int, serial: int) -> str:
    """Such as MB-2026-000042; unique because `serial` is never given twice."""
    return f"MB-{year}-{serial:06d}"


def issue(
    document: Document, case: Case, *, contact: Sealed | None, pdf: bytes, sha256: str, now: datetime
) -> Decision[Document]:
    issued = replace(document, pdf=pdf, sha256=sha256, issued_at=now, version=document.version + 1)
    event = DocumentIssued(
        document_id=document.id,
        case_id=case.id,
        service=case.service,
        stand_id=case.stand_id,
        number=document.number,
        sha256=sha256,
        language=case.language,
        contact=contact,
        issued_at=now,
    )
    return Decision(issued, (event,))


def revoke(document: Document, *, now: datetime) -> Decision[Document]:
    """A paper that was only given provisionally is told as void too: it is in somebody's hand."""
    revoked = replace(document, revoked_at=now, version=document.version + 1)
    event = DocumentRevoked(document_id=document.id, case_id=document.case_id, number=document.number, revoked_at=now)
    return Decision(revoked, (event,))


def given_provisionally(
    case_id: CaseId, given: ReceiptGiven, *, place: int | None, beside: bool, now: datetime
) -> Document:
    """A paper that exists on a device's printer alone, as the document it is. `place`: in the status list."""
    return Document(given.document_id, case_id, given.number, now, status_index=place, beside=beside)
