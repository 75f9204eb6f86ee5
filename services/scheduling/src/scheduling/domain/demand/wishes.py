"""Wishes raise the forecast: unmet demand and obligations that fall due.

Invariants: wishes of the public, which anybody can write without saying who they are, raise the forecast of a service
by at most PUBLIC_SHARE, however many there are.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

PUBLIC_SHARE: Final = 0.2  # of the visits known without them
KNOWN_BASE: Final = 50.0  # visits added to the known ones before wishes are compared with them


class WishSource(StrEnum):
    """SEARCHED: by the public, on the waiting list. ASKED, DUE: recorded by staff."""

    SEARCHED = "searched"
    ASKED = "asked"
    DUE = "due"


def wish_factor(wishes: Mapping[str, float], served: float) -> float:
    """By how much wishes multiply the rate of a service. `wishes`: times by source. `served`: the known visits."""
    known = served + KNOWN_BASE
    public = min(wishes.get(WishSource.SEARCHED, 0.0) / known, PUBLIC_SHARE)
    return 1 + public + sum(times for source, times in wishes.items() if source != WishSource.SEARCHED) / known
