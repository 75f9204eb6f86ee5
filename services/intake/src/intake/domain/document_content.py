"""A document before it is rendered, and rendered."""

from dataclasses import dataclass
from datetime import date, datetime

from wanderamt.contracts import Language
from wanderamt.kernel.ids import DocumentId

from intake.domain.printed_content import PrintedContent


@dataclass(frozen=True, slots=True)
class DocumentContent:
    """`issued_at`: when the stand printed its paper of this number, else now; `issued_on`: its local day.

    `valid_until`: last valid day. `status_index`: see intake.domain.document_status. `holder`: name and birth for the
    seal. `photo`: a JPEG or PNG file.
    """

    document_id: DocumentId
    template: str
    language: Language
    printed: PrintedContent
    holder: str
    issued_at: datetime
    issued_on: date
    valid_until: date | None
    status_index: int
    photo: bytes | None = None


@dataclass(frozen=True, slots=True)
class CannotRender:
    """No attempt can render the document before its cause is mended. `reason`: without personal data."""

    reason: str


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """`sha256`: hex digest of `pdf`."""

    pdf: bytes
    sha256: str
