"""What a register is like right now, for people who stand before a citizen: what waits, and how long it takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wanderamt.kernel.decision import Pause

from bridge_kit.breaker import Breaker, Phase
from bridge_kit.manifest import Manifest
from bridge_kit.pacing import Pace, closed_until


class Sky(StrEnum):
    FAIR = "fair"
    SLOW = "slow"
    DOWN = "down"
    CLOSED = "closed"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Waiting:
    """`typical_s`: what a call takes these days."""

    requests: int
    oldest: datetime | None
    typical_s: float


@dataclass(frozen=True, slots=True)
class Weather:
    """`wait_s`: until a question that is asked now would be answered, as far as anybody can say."""

    sky: Sky
    waiting: int
    oldest: datetime | None
    wait_s: float
    reason: str = ""


def weather(
    manifest: Manifest, breaker: Breaker, pace: Pace, waiting: Waiting, *, paused: Pause | None, now: datetime
) -> Weather:
    """`paused`: why nothing goes at this moment, as the gate said last."""
    closed = closed_until(manifest.maintenance, zone=manifest.zone, now=now)
    until = closed or (breaker.until if breaker.phase is not Phase.CLOSED else None) or pace.held_until
    before_s = max(0.0, until.timestamp() - now.timestamp()) if until else 0.0
    wait_s = before_s + waiting.requests / _per_s(manifest, waiting.typical_s) + waiting.typical_s
    if closed:
        sky = Sky.CLOSED
    elif breaker.phase is not Phase.CLOSED:
        sky = Sky.DOWN
    elif paused:
        sky = Sky.FULL
    elif waiting.typical_s >= manifest.breaker.slow_after_s:
        sky = Sky.SLOW
    else:
        sky = Sky.FAIR
    return Weather(sky, waiting.requests, waiting.oldest, round(wait_s, 1), paused.reason if paused else "")


def _per_s(manifest: Manifest, typical_s: float) -> float:
    limits = manifest.limits
    return min(limits.rate_per_s, limits.concurrency / typical_s) if typical_s else limits.rate_per_s
