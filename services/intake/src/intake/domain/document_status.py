"""The claims in the seal of a document, and the status of the document today.

Invariants: a seal contains nothing that the document does not show: kind, main facts, number, holder, dates, and a hash
of the printed content (intake.domain.printed_content). A document counts as valid only under a status list that is
recent enough.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from intake.domain.status_list import StatusList

# bytes in UTF-8; see also apps/field/src/domain/shorten.ts
HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES, SHORTENED = 200, 120, 300, "…"
STATUS_LIST_MAX_AGE = timedelta(days=3)  # as long as a device may be offline; an older list proves nothing


@dataclass(frozen=True, slots=True)
class Claims:
    """`content`: hash of the printed content. `status_index`: of the document in the status list of its authority.

    `kind`, `main`, `holder`: the kind of paper, its main facts, name and birth date, as printed and shortened. They
    expose a genuine seal on another text without network. Seals of earlier releases have no kind and no main facts.
    `given_by`: the device that sealed the document at a stand; empty for documents of the office.
    """

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")  # bytes in JSON
    authority: str
    number: str
    content: bytes
    status_index: int
    issued_at: datetime
    valid_until: date | None = None
    holder: str = ""
    given_by: str = ""
    kind: str = ""
    main: str = ""


class DocumentStatus(StrEnum):
    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # genuine, but no recent status list is available


def shorten(printed: str, max_bytes: int) -> str:
    """At most `max_bytes` in UTF-8, so that a code holds the seal: whole letters with their accents, and SHORTENED."""
    if len(printed.encode()) <= max_bytes:
        return printed
    end = len(printed.encode()[: max_bytes - len(SHORTENED.encode())].decode(errors="ignore"))
    while end and unicodedata.category(printed[end]).startswith("M"):
        end -= 1  # the accents that follow belong to the letter before them
    return printed[:end].rstrip(" ") + SHORTENED


def document_status(claims: Claims, revoked: StatusList | None, *, now: datetime) -> DocumentStatus:
    """The status of a document with a genuine seal. A revoked document stays revoked, however old the list is."""
    if revoked and claims.status_index in revoked:
        return DocumentStatus.REVOKED
    if claims.valid_until and claims.valid_until < now.date():
        return DocumentStatus.EXPIRED
    if not revoked or not revoked.covers(claims.status_index) or now - revoked.as_of > STATUS_LIST_MAX_AGE:
        return DocumentStatus.UNKNOWN
    return DocumentStatus.VALID
