"""A pass lets whoever holds it act for one thing for a while: what a public page hands from one step to the next.

Kept true: it names one thing and ends; nobody can make or change one without the key.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

PAGE: Final = timedelta(minutes=20)

Hash = Callable[[bytes], bytes]


def sign_pass(subject_id: UUID, hashed: Hash, *, now: datetime, lifetime: timedelta = PAGE) -> str:
    """`hashed`: a keyed hash."""
    until = int((now + lifetime).timestamp())
    return f"{subject_id.hex}.{until}.{_told(subject_id, until, hashed)}"


def read_pass(given: str, hashed: Hash, *, now: datetime) -> UUID | None:
    """What it is good for; None where it is none, or over."""
    try:
        subject, until, told = given.split(".")
        subject_id, ends = UUID(hex=subject), int(until)
    except ValueError:
        return None
    if not hmac.compare_digest(told.encode(), _told(subject_id, ends, hashed).encode()):
        return None
    return subject_id if now.timestamp() < ends else None


def _told(subject_id: UUID, until: int, hashed: Hash) -> str:
    return hashed(f"ticket:{subject_id.hex}:{until}".encode()).hex()
