"""Answers of a lookup that may be given again. Pure.

Kept true: an answer is given as what it is: fresh, or of a moment that is told. While the register can be asked,
nothing older than its time is given.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from connector_kit.manifest import Cache

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """`as_of`: when the register said so."""

    answer: T
    as_of: datetime


def good_now(kept: Kept[T] | None, rules: Cache | None, *, down: bool, now: datetime) -> Kept[T] | None:
    """The answer kept, if it may be given now. `down`: the register cannot be asked."""
    if not kept or not rules:
        return None
    seconds = rules.stale_if_down_s if down and rules.stale_if_down_s else rules.ttl_s
    return kept if now - kept.as_of <= timedelta(seconds=seconds) else None
