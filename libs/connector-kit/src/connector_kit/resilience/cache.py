"""Reuse of cached answers of lookups. Pure.

Invariants: a cached answer carries the time at which the register gave it. While the register is available, no answer
older than its time to live is reused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from connector_kit.manifest.operation import CachePolicy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CachedAnswer(Generic[T]):
    """`as_of`: when the register gave the answer."""

    answer: T
    as_of: datetime


def usable(
    cached: CachedAnswer[T] | None, rules: CachePolicy | None, *, down: bool, now: datetime
) -> CachedAnswer[T] | None:
    """The cached answer, if it may be used now. `down`: the register is unavailable."""
    if not cached or not rules:
        return None
    seconds = rules.stale_if_down_s if down and rules.stale_if_down_s else rules.ttl_s
    return cached if now - cached.as_of <= timedelta(seconds=seconds) else None
