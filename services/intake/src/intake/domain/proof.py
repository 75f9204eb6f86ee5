"""What a stamp on a paper says, and what it is worth today.

Kept true: a stamp shows nothing that the paper does not show: number, holder, days, and a hash of all that is printed.
A paper counts as valid only by a list of taken-back ones that is new enough.
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

from intake.domain.status import StatusList

LIST_GOOD_FOR = timedelta(days=3)  # as long as a device may be without network; after that nobody knows


@dataclass(frozen=True, slots=True)
class Claims:
    """`content`: see `content_hash`. `status_index`: the paper's place in the status list of its authority.

    `holder`: name and birth date as printed, so that a genuine stamp on another's paper is seen without network.
    `given_by`: the device that stamped it at a stand, before the office had heard of it; empty for the office's own.
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


class Standing(StrEnum):
    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNKNOWN = "unknown"  # genuine, but no list at hand that is new enough to say more


def content_hash(printed: Mapping[str, str]) -> bytes:
    """SHA-256 over what is printed, by field: 32 bytes. The same text in another Unicode form has the same hash.

    The fields as JSON with sorted keys and no spaces, which for strings is the form of RFC 8785.
    """
    named = {unicodedata.normalize("NFC", name): unicodedata.normalize("NFC", text) for name, text in printed.items()}
    return hashlib.sha256(
        json.dumps(named, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).digest()


def standing(claims: Claims, revoked: StatusList | None, *, now: datetime) -> Standing:
    """Of a genuine stamp. A paper once taken back stays so, however old the list is."""
    if revoked and claims.status_index in revoked:
        return Standing.REVOKED
    if claims.valid_until and claims.valid_until < now.date():
        return Standing.EXPIRED
    if not revoked or not revoked.covers(claims.status_index) or now - revoked.as_of > LIST_GOOD_FOR:
        return Standing.UNKNOWN
    return Standing.VALID
