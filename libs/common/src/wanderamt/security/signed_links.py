"""Signed tokens that give their bearer access to one resource for a limited time, for links of public pages.

Invariants: a token names one resource and expires; nobody can create or change one without the key.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

PAGE_LIFETIME: Final = timedelta(minutes=20)

Hash = Callable[[bytes], bytes]


def sign_token(subject_id: UUID, keyed_hash: Hash, *, now: datetime, lifetime: timedelta = PAGE_LIFETIME) -> str:
    """`keyed_hash`: such as FieldCipher.keyed_hash."""
    until = int((now + lifetime).timestamp())
    return f"{subject_id.hex}.{until}.{_signature(subject_id, until, keyed_hash)}"


def verify_token(token: str, keyed_hash: Hash, *, now: datetime) -> UUID | None:
    """The resource's id; None for an invalid or expired token."""
    try:
        subject, until, signature = token.split(".")
        subject_id, ends = UUID(hex=subject), int(until)
    except ValueError:
        return None
    if not hmac.compare_digest(signature.encode(), _signature(subject_id, ends, keyed_hash).encode()):
        return None
    return subject_id if now.timestamp() < ends else None


def _signature(subject_id: UUID, until: int, keyed_hash: Hash) -> str:
    return keyed_hash(f"ticket:{subject_id.hex}:{until}".encode()).hex()
