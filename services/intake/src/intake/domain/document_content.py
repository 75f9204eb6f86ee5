"""The content of a document before it is rendered, and the rendered document."""

from dataclasses import dataclass
from datetime import date, datetime

from wanderamt.contracts import Language
from wanderamt.kernel.ids import DocumentId
from wanderamt.kernel.sealed import Sealed


@dataclass(frozen=True, slots=True)
class DocumentContent:
    """`issued_at`: when the stand printed its paper of this number, else now; `issued_on`: its day in Linz.

    `valid_until`: last valid day. `status_index`: see intake.domain.document_status. `law`: legal basis. `receipts`: of
    the fee, which was `paid_cents`.
    """

    document_id: DocumentId
    template: str
    title: str
    language: Language
    number: str
    place: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    applicant: Sealed | None
    file_number: str = ""
    officer: str = ""
    law: str = ""
    paid_cents: int = 0
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotRender:
    """No attempt can render the document before its cause is mended. `reason`: without personal data."""

    reason: str


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """`sha256`: hex digest of `pdf`."""

    pdf: bytes
    sha256: str
