"""Documents of cases: issued once per final case, under a unique number, and revoked.

Invariants: the provisional and the final form are one document with one number; a revoked document stays revoked, and
its case may get another one.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from wanderamt.contracts import DocumentIssued, DocumentRevoked
from wanderamt.kernel.decision import Decision, Job
from wanderamt.kernel.ids import CaseId, DocumentId
from wanderamt.kernel.sealed import Sealed

from intake.domain.case.case_events import ProvisionalDocumentGiven
from intake.domain.case.state import Case


class IssueDocument(Job):
    """Renders and issues a document. Jobs of one case run one after the other."""

    QUEUE: ClassVar[str] = "issue-document"
    KEY: ClassVar[str] = "case_id"
    DEADLINE_S: ClassVar[int] = 24 * 3600

    case_id: UUID
    document_id: UUID


@dataclass(frozen=True, slots=True)
class Document:
    """Ordered, then `rendered`: its file is stored encrypted, apart from this. `version`: number of its published
    events. `sha256`: of the file in clear.

    `status_index`: its index in the status list; None until the first save. `second_copy`: printed at a stand and
    reported after the office had issued its own; both have the same content. `problem`: why it cannot be rendered;
    `problem_owner` looks after it.
    """

    document_id: DocumentId
    case_id: CaseId
    number: str
    ordered_at: datetime
    version: int = 0
    sha256: str | None = None
    issued_at: datetime | None = None
    revoked_at: datetime | None = None
    status_index: int | None = None
    second_copy: bool = False
    problem: str | None = None
    problem_owner: str | None = None

    @property
    def rendered(self) -> bool:
        return self.issued_at is not None


def document_number(year: int, serial: int) -> str:
    """Such as MB-2026-000042; unique because the database gives each `serial` once."""
    return f"MB-{year}-{serial:06d}"


def issue(document: Document, case: Case, *, contact: Sealed | None, sha256: str, now: datetime) -> Decision[Document]:
    issued = replace(document, sha256=sha256, issued_at=now, version=document.version + 1)
    event = DocumentIssued(
        document_id=document.document_id,
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
    """Publishes the revocation of provisional documents too: a citizen holds one."""
    revoked = replace(document, revoked_at=now, version=document.version + 1)
    event = DocumentRevoked(
        document_id=document.document_id, case_id=document.case_id, number=document.number, revoked_at=now
    )
    return Decision(revoked, (event,))


def provisional_document(
    case_id: CaseId, event: ProvisionalDocumentGiven, *, status_index: int | None, second_copy: bool, now: datetime
) -> Document:
    """The document that a device printed at a stand. `status_index`: of its number, in the status list."""
    return Document(event.document_id, case_id, event.number, now, status_index=status_index, second_copy=second_copy)
