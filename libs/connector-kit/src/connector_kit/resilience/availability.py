"""A register's current availability, for officers: its status, the backlog, and the expected waiting time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.circuit_breaker import BreakerPhase
from connector_kit.resilience.rate_limit import maintenance_until, quota_left
from connector_kit.resilience.register_state import RegisterState


class AvailabilityStatus(StrEnum):
    """throttled: the register accepts no more of our calls for now."""

    UP = "up"
    SLOW = "slow"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Requests that wait for the register, and since when the oldest of them waits."""

    requests: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusNow:
    """`until`: when the status may change, if known."""

    status: AvailabilityStatus
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """`wait_s`: estimated seconds until a new request is answered."""

    status: AvailabilityStatus
    waiting: int
    oldest_at: datetime | None
    wait_s: float
    reason: str = ""


def status_now(manifest: Manifest, state: RegisterState, *, now: datetime) -> StatusNow:
    if closed := maintenance_until(manifest.maintenance, zone=manifest.zone, now=now):
        return StatusNow(AvailabilityStatus.MAINTENANCE, "maintenance", closed)
    if state.suspended_reason:
        return StatusNow(AvailabilityStatus.DOWN, state.suspended_reason)
    if state.breaker.phase is not BreakerPhase.CLOSED:
        return StatusNow(AvailabilityStatus.DOWN, "too many calls failed or were slow", state.breaker.until)
    if state.rate_limit.backoff_until and now < state.rate_limit.backoff_until:
        return StatusNow(AvailabilityStatus.THROTTLED, "the register asked us to wait", state.rate_limit.backoff_until)
    if not quota_left(state.rate_limit, manifest.limits, zone=manifest.zone, now=now):
        return StatusNow(AvailabilityStatus.THROTTLED, "daily quota used up")
    slow = state.latency_ewma_s >= manifest.breaker.slow_after_s
    return StatusNow(AvailabilityStatus.SLOW if slow else AvailabilityStatus.UP)


def availability_of(manifest: Manifest, state: RegisterState, waiting: Backlog, *, now: datetime) -> Availability:
    current = status_now(manifest, state, now=now)
    unavailable_s = max(0.0, current.until.timestamp() - now.timestamp()) if current.until else 0.0
    wait_s = unavailable_s + waiting.requests / _calls_per_s(manifest, state.latency_ewma_s) + state.latency_ewma_s
    return Availability(current.status, waiting.requests, waiting.oldest_at, round(wait_s, 1), current.reason)


def _calls_per_s(manifest: Manifest, latency_s: float) -> float:
    limits = manifest.limits
    return min(limits.rate_per_s, limits.max_concurrent_calls / latency_s) if latency_s else limits.rate_per_s
