"""In whose name a register is asked: an assertion that travels with the request, past every broker and queue.

Kept true: it names one officer, one case, one question and its purpose, and ends; whoever calls the register checks it
at the moment of the call, not only where it came in. Its key is held by intake, where officers sign in, and by the
registry bridge: nobody else who may write to a topic can ask a register.

A keyed hash (HMAC-SHA-256, RFC 2104), not a public-key signature: one is made for every entry of a sync. What is
asserted stands in the request itself, so the assertion holds the moment it ends and the hash, nothing else.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

KEY_BYTES = 32
MISSING = "assertion_missing"
INVALID = "assertion_invalid"
EXPIRED = "assertion_expired"


@dataclass(frozen=True, slots=True)
class Assertion:
    """That this officer asks this of a register, for this case and this purpose."""

    officer: str
    case_id: UUID
    request_id: UUID
    register: str
    operation: str
    purpose: str


class Voucher:
    """`key`: 32 bytes in base64, see 'wanderamt key assertion'. Raises ValueError for another."""

    def __init__(self, key: SecretStr) -> None:
        self._key = base64.b64decode(key.get_secret_value(), validate=True)
        if len(self._key) != KEY_BYTES:
            raise ValueError("the assertion key must be 32 bytes in base64: set WANDERAMT_ASSERTION_KEY")

    def sign(self, assertion: Assertion, *, until: datetime) -> str:
        ends = int(until.timestamp())
        return f"{ends}.{self._hash(assertion, ends)}"

    def why_not(self, signed: str | None, wanted: Assertion, *, now: datetime) -> str:
        """Empty when `signed` asserts just what is wanted; else a word for why it does not."""
        if not signed:
            return MISSING
        ends, _, told = signed.partition(".")
        if not ends.isascii() or not ends.isdigit() or len(ends) > 12:
            return INVALID
        if not hmac.compare_digest(told.encode(), self._hash(wanted, int(ends)).encode()):
            return INVALID
        return EXPIRED if int(ends) < now.timestamp() else ""

    def _hash(self, assertion: Assertion, ends: int) -> str:
        one = assertion
        text = json.dumps(
            [ends, one.officer, str(one.case_id), str(one.request_id), one.register, one.operation, one.purpose]
        )
        return base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()
