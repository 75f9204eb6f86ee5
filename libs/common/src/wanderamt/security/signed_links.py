"""Signed tokens that give their bearer access to one resource for a limited time, for links of public pages.

Invariants: a token names one resource and its kind, and expires; nobody can create or change one without the key. A
token of one kind is worth nothing for another kind: ids of two kinds may be equal.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

PAGE_LIFETIME: Final = timedelta(minutes=20)

Hash = Callable[[bytes], bytes]


def sign_token(
    subject_id: UUID, keyed_hash: Hash, *, kind: str, now: datetime, lifetime: timedelta = PAGE_LIFETIME
) -> str:
    """`kind`: of the resource and of what the token allows. `keyed_hash`: such as FieldCipher.keyed_hash."""
    until = int((now + lifetime).timestamp())
    return f"{subject_id.hex}.{until}.{_signature(kind, subject_id, until, keyed_hash)}"


def verify_token(token: str, keyed_hash: Hash, *, kind: str, now: datetime) -> UUID | None:
    """The resource's id; None for a token that is invalid, expired or of another kind."""
    try:
        subject, until, signature = token.split(".")
        subject_id, ends = UUID(hex=subject), int(until)
    except ValueError:
        return None
    if not hmac.compare_digest(signature.encode(), _signature(kind, subject_id, ends, keyed_hash).encode()):
        return None
    return subject_id if now.timestamp() < ends else None


def _signature(kind: str, subject_id: UUID, until: int, keyed_hash: Hash) -> str:
    return keyed_hash(f"ticket:{kind}:{subject_id.hex}:{until}".encode()).hex()
