"""The code that confirms a contact: six digits, sent to the telephone number or e-mail address.

It stays valid until it expires, so that a family books several appointments with one code. It
counts from the network alone that asked for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class ContactCode:
    """`code_hash`: keyed hash of the code and its recipient. The next code is sent when this one has expired."""

    code_hash: bytes
    expires_at: datetime
    tries_left: int
