"""Subscriptions to the stands of a district: wished on the status page, valid once a code proved the address.

Invariant: no address is subscribed before somebody entered the code that was sent to it, for the case or appointment
whose page the wish came from.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wanderamt.contracts import Channel

LIFETIME: Final = timedelta(minutes=10)
TRIES: Final = 5
CODES_PER_DAY: Final = 3  # per address


@dataclass(frozen=True, slots=True)
class DistrictWish:
    """`code_hash`: keyed hash of the code, the address and the case or appointment."""

    address_hash: bytes
    channel: Channel
    districts: tuple[str, ...]
    language: str
    code_hash: bytes
    expires_at: datetime
    tries_left: int = TRIES

    def waits_for_code(self, now: datetime) -> bool:
        return self.expires_at > now and self.tries_left > 0
