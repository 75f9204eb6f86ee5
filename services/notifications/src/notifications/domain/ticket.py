"""A ticket lets whoever holds it act for one case for a while: what the citizen's page hands from one step to the next.

Kept true: it names one case and ends; nobody can make or change one without the key.
"""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from wanderamt.kernel.refusal import Refusal

from notifications.domain.refusals import PASS_OVER

PAGE: Final = timedelta(minutes=20)
MAIL: Final = timedelta(days=90)  # in the head of a mail, to opt out by one click (RFC 8058)

Hash = Callable[[bytes], bytes]


def sign_ticket(subject_id: UUID, hashed: Hash, *, now: datetime, lifetime: timedelta = PAGE) -> str:
    """`hashed`: a keyed hash."""
    until = int((now + lifetime).timestamp())
    return f"{subject_id.hex}.{until}.{_told(subject_id, until, hashed)}"


def read_ticket(given: str, hashed: Hash, *, now: datetime) -> UUID | Refusal:
    try:
        subject, until, told = given.split(".")
        subject_id, ends = UUID(hex=subject), int(until)
    except ValueError:
        return PASS_OVER
    if not hmac.compare_digest(told.encode(), _told(subject_id, ends, hashed).encode()):
        return PASS_OVER
    return subject_id if now.timestamp() < ends else PASS_OVER


def _told(subject_id: UUID, until: int, hashed: Hash) -> str:
    return hashed(f"ticket:{subject_id.hex}:{until}".encode()).hex()
