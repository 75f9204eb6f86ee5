"""What a register is like right now, for people who stand before a citizen: what waits, and how long it takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector_kit.breaker import Phase
from connector_kit.manifest import Manifest
from connector_kit.pacing import closed_until, quota_left
from connector_kit.register import RegisterState


class Sky(StrEnum):
    """full: the register wants no more of us for now."""

    FAIR = "fair"
    SLOW = "slow"
    DOWN = "down"
    CLOSED = "closed"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Waiting:
    requests: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """`until`: when it may be another, where that is known."""

    sky: Sky
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """`wait_s`: until a question that is asked now would be answered, as far as anybody can say."""

    sky: Sky
    waiting: int
    oldest: datetime | None
    wait_s: float
    reason: str = ""


def outlook(manifest: Manifest, state: RegisterState, *, now: datetime) -> Outlook:
    if closed := closed_until(manifest.maintenance, zone=manifest.zone, now=now):
        return Outlook(Sky.CLOSED, "closed for maintenance", closed)
    if state.paused:
        return Outlook(Sky.DOWN, state.paused)
    if state.breaker.phase is not Phase.CLOSED:
        return Outlook(Sky.DOWN, "too many calls fail or are slow", state.breaker.until)
    if state.pace.held_until and now < state.pace.held_until:
        return Outlook(Sky.FULL, "it asked us to wait", state.pace.held_until)
    if not quota_left(state.pace, manifest.limits, zone=manifest.zone, now=now):
        return Outlook(Sky.FULL, "the quota of the day is used up")
    slow = state.typical_s >= manifest.breaker.slow_after_s
    return Outlook(Sky.SLOW if slow else Sky.FAIR)


def weather(manifest: Manifest, state: RegisterState, waiting: Waiting, *, now: datetime) -> Weather:
    seen = outlook(manifest, state, now=now)
    before_s = max(0.0, seen.until.timestamp() - now.timestamp()) if seen.until else 0.0
    wait_s = before_s + waiting.requests / _per_s(manifest, state.typical_s) + state.typical_s
    return Weather(seen.sky, waiting.requests, waiting.oldest, round(wait_s, 1), seen.reason)


def _per_s(manifest: Manifest, typical_s: float) -> float:
    limits = manifest.limits
    return min(limits.rate_per_s, limits.concurrency / typical_s) if typical_s else limits.rate_per_s
