"""The claims in the seal of a document, and the status of the document today.

Invariants: a seal contains nothing that the document does not show: number, holder, dates, and a hash of the printed
content. A document counts as valid only under a status list that is recent enough.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from intake.domain.status_list import StatusList

HOLDER_MAX_BYTES, SHORTENED = 200, "…"  # in UTF-8; see also apps/field/src/domain/holder.ts
STATUS_LIST_MAX_AGE = timedelta(days=3)  # as long as a device may be offline; an older list proves nothing


@dataclass(frozen=True, slots=True)
class Claims:
    """`content`: see `content_hash`. `status_index`: index of the document in the status list of its authority.

    `holder`: name and birth date as printed, see `shorten_holder`; it exposes a genuine seal on another person's
    document without network.
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


class DocumentStatus(StrEnum):
    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # genuine, but no recent status list is available


def shorten_holder(printed: str) -> str:
    """At most HOLDER_MAX_BYTES, so that a code can hold the seal: whole letters with their accents, and SHORTENED."""
    if len(printed.encode()) <= HOLDER_MAX_BYTES:
        return printed
    end = len(printed.encode()[: HOLDER_MAX_BYTES - len(SHORTENED.encode())].decode(errors="ignore"))
    while end and unicodedata.category(printed[end]).startswith("M"):
        end -= 1  # the accents that follow belong to the letter before them
    return printed[:end].rstrip(" ") + SHORTENED


def content_hash(fields: Mapping[str, str]) -> bytes:
    """SHA-256 (32 bytes) over the printed fields. All Unicode normal forms of a text have the same hash.

    The hash covers JSON with sorted keys and no spaces, which for strings is the canonical form of RFC 8785.
    """
    named = {unicodedata.normalize("NFC", name): unicodedata.normalize("NFC", text) for name, text in fields.items()}
    return hashlib.sha256(
        json.dumps(named, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).digest()


def document_status(claims: Claims, revoked: StatusList | None, *, now: datetime) -> DocumentStatus:
    """The status of a document with a genuine seal. A revoked document stays revoked, however old the list is."""
    if revoked and claims.status_index in revoked:
        return DocumentStatus.REVOKED
    if claims.valid_until and claims.valid_until < now.date():
        return DocumentStatus.EXPIRED
    if not revoked or not revoked.covers(claims.status_index) or now - revoked.as_of > STATUS_LIST_MAX_AGE:
        return DocumentStatus.UNKNOWN
    return DocumentStatus.VALID
