"""Topic document.v1, owned by intake: issued documents."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from wanderamt.contracts.case import Language
from wanderamt.kernel.decision import Event
from wanderamt.kernel.sealed import Sealed


class DocumentEvent(Event):
    TOPIC: ClassVar[str] = "document.v1"
    AGGREGATE: ClassVar[str] = "document_id"

    document_id: UUID
    case_id: UUID


class DocumentIssued(DocumentEvent):
    """A document was created and stored; `sha256` is the hex digest of its bytes."""

    TYPE: ClassVar[str] = "at.wanderamt.document.issued.v1"

    service: str
    stand_id: UUID
    number: str
    sha256: str
    language: Language
    contact: Sealed | None = None
    issued_at: AwareDatetime


class DocumentRevoked(DocumentEvent):
    """A document is void. Verifiers learn this from the status list."""

    TYPE: ClassVar[str] = "at.wanderamt.document.revoked.v1"

    number: str
    revoked_at: AwareDatetime
