"""Assertions: proof that an officer asks a register for a case, sent with the request through every topic and queue.

Invariants: an assertion names one officer, one case, one question and its purpose, and expires; the registry bridge
checks it at the moment of the call, not only on arrival. Intake, where officers sign in, and the registry bridge hold
the key: no other service that may write to a topic can query a register.

A keyed hash (HMAC-SHA-256, RFC 2104), not a public-key signature, because each entry of a sync needs one. The request
itself holds the asserted fields; the assertion holds only its expiry and the hash.
"""

import base64
import hmac
import json
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import orjson
from pydantic import SecretStr

KEY_BYTES = 32
MISSING = "assertion_missing"
INVALID = "assertion_invalid"
EXPIRED = "assertion_expired"


class Assertion(NamedTuple):
    """This officer asks a register this question, for this case and this purpose."""

    officer: str
    case_id: UUID
    request_id: UUID
    register: str
    operation: str
    purpose: str


class AssertionSigner:
    """`key`: 32 bytes in base64, see 'wanderamt key assertion'. Raises ValueError for another length."""

    def __init__(self, key: SecretStr) -> None:
        key_bytes = base64.b64decode(key.get_secret_value(), validate=True)
        if len(key_bytes) != KEY_BYTES:
            raise ValueError("the assertion key must be 32 bytes in base64: set WANDERAMT_ASSERTION_KEY")
        self._mac = hmac.new(key_bytes, digestmod="sha256")

    def sign(self, assertion: Assertion, *, until: datetime) -> str:
        ends = int(until.timestamp())
        return f"{ends}.{self._hash(assertion, ends)}"

    def verify(self, signed: str | None, expected: Assertion, *, now: datetime) -> str:
        """An empty text when `signed` asserts exactly `expected`; else the code of the reason why not."""
        if not signed:
            return MISSING
        ends, _, signature = signed.partition(".")
        if not ends.isascii() or not ends.isdigit() or len(ends) > 12:
            return INVALID
        if not hmac.compare_digest(signature.encode(), self._hash(expected, int(ends)).encode()):
            return INVALID
        return EXPIRED if int(ends) < now.timestamp() else ""

    def _hash(self, assertion: Assertion, ends: int) -> str:
        officer, register = _quoted(assertion.officer), _quoted(assertion.register)
        operation, purpose = _quoted(assertion.operation), _quoted(assertion.purpose)
        case_id, request_id = _quoted_id(assertion.case_id), _quoted_id(assertion.request_id)
        text = f"[{ends}, {officer}, {case_id}, {request_id}, {register}, {operation}, {purpose}]"
        mac = self._mac.copy()
        mac.update(text.encode())
        return base64.b64encode(mac.digest()).decode()


def _quoted_id(id_: UUID) -> str:
    return orjson.dumps(id_, str).decode()  # faster than str(); `str` for the driver's own class


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """As JSON. Cached: officers, registers and purposes are few, requests are many."""
    return json.dumps(text)
