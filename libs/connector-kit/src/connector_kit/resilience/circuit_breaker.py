"""Circuit breaker: stops calls to a register that fails or is too slow, then tests it with a single probe. Pure; the
caller stores the state.

Invariants: while the breaker is open no call goes out; when it is half-open exactly one call goes out, however many
processes ask at once, because the state changes under its row lock; a probe whose process died counts as failed after
its time. Calls that the register refused for our own fault (a wrong question, too many calls) do not count as failures.

Window: two counters, each for half of the window; the older one is weighted by the part of it that still lies in the
window (the sliding-window counter of rate limiters). The state stays one small row.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wanderamt.kernel.decision import Paused

from connector_kit.manifest.limits import BreakerRules


class BreakerPhase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class WindowCounts:
    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class BreakerState:
    """`until`: open until then, or the probe counts until then. `times_opened`: how often in a row; the pause
    doubles each time."""

    phase: BreakerPhase = BreakerPhase.CLOSED
    until: datetime | None = None
    times_opened: int = 0
    half_window_start: datetime | None = None
    previous: WindowCounts = WindowCounts()
    current: WindowCounts = WindowCounts()


@dataclass(frozen=True, slots=True)
class WeightedCounts:
    """Calls in the window; weighted, so not whole numbers."""

    calls: float
    failures: float
    slow: float


def admit_calls(
    breaker: BreakerState, requested: int, rules: BreakerRules, *, now: datetime, probe_s: float
) -> tuple[BreakerState, int | Paused]:
    """How many of `requested` calls may go now. `probe_s`: a probe without an outcome counts as failed after this
    time."""
    match breaker.phase:
        case BreakerPhase.CLOSED:
            return breaker, requested
        case BreakerPhase.OPEN if breaker.until and now < breaker.until:
            return breaker, _pause(breaker.until, now, "circuit breaker open: the register fails")
        case BreakerPhase.HALF_OPEN if breaker.until and now < breaker.until:
            return breaker, _pause(breaker.until, now, "circuit breaker half-open: a probe is under way")
        case BreakerPhase.HALF_OPEN if breaker.until:  # its process died: the breaker has been open since then
            reopened = _open(breaker, rules, now=breaker.until)
            return admit_calls(reopened, requested, rules, now=now, probe_s=probe_s)
    if requested < 1:
        return breaker, 0
    return replace(breaker, phase=BreakerPhase.HALF_OPEN, until=now + timedelta(seconds=probe_s)), 1


def record_call(
    breaker: BreakerState, rules: BreakerRules, *, failed: bool, took_s: float, now: datetime
) -> BreakerState:
    """The state after one call. `failed`: the register's own failure (no answer, a broken answer, or "not now")."""
    slow = took_s >= rules.slow_after_s
    match breaker.phase:
        case BreakerPhase.HALF_OPEN if failed or slow:
            return _open(breaker, rules, now=now)
        case BreakerPhase.HALF_OPEN:
            return BreakerState(half_window_start=now, current=WindowCounts(calls=1))
        case BreakerPhase.OPEN:  # it started before the breaker opened: no new information
            return breaker
    counted = _add_counts(breaker, rules, WindowCounts(1, int(failed), int(slow and not failed)), now=now)
    return _open_if_unhealthy(counted, rules, now=now)


def record_successes(
    breaker: BreakerState, rules: BreakerRules, calls: int, *, slow: int, now: datetime
) -> BreakerState:
    """The state after `calls` simultaneous calls without failure, of which `slow` were slow. The breaker must be
    closed."""
    return _open_if_unhealthy(_add_counts(breaker, rules, WindowCounts(calls, 0, slow), now=now), rules, now=now)


def _add_counts(breaker: BreakerState, rules: BreakerRules, more: WindowCounts, *, now: datetime) -> BreakerState:
    counted = _shift_window(breaker, rules, now=now)
    old = counted.current
    current = WindowCounts(old.calls + more.calls, old.failures + more.failures, old.slow + more.slow)
    return replace(counted, current=current)


def _open_if_unhealthy(counted: BreakerState, rules: BreakerRules, *, now: datetime) -> BreakerState:
    counts = weighted_counts(counted, rules, now=now)
    if counts.calls < rules.min_calls:
        return counted
    if counts.failures >= rules.failure_share * counts.calls or counts.slow >= rules.slow_share * counts.calls:
        return _open(counted, rules, now=now)
    return counted


def release_probe(breaker: BreakerState) -> BreakerState:
    """The reserved probe was not called: the next call becomes the probe."""
    return replace(breaker, phase=BreakerPhase.OPEN, until=None) if breaker.phase is BreakerPhase.HALF_OPEN else breaker


def weighted_counts(breaker: BreakerState, rules: BreakerRules, *, now: datetime) -> WeightedCounts:
    moved = _shift_window(breaker, rules, now=now)
    if not moved.half_window_start:
        return WeightedCounts(0, 0, 0)
    half_s = rules.window_s / 2
    weight = 1 - min(1.0, (now - moved.half_window_start).total_seconds() / half_s)
    previous, current = moved.previous, moved.current
    return WeightedCounts(
        calls=previous.calls * weight + current.calls,
        failures=previous.failures * weight + current.failures,
        slow=previous.slow * weight + current.slow,
    )


def _shift_window(breaker: BreakerState, rules: BreakerRules, *, now: datetime) -> BreakerState:
    half = timedelta(seconds=rules.window_s / 2)
    if not breaker.half_window_start or now - breaker.half_window_start >= 2 * half:
        return replace(breaker, half_window_start=now, previous=WindowCounts(), current=WindowCounts())
    if now - breaker.half_window_start >= half:
        return replace(
            breaker,
            half_window_start=breaker.half_window_start + half,
            previous=breaker.current,
            current=WindowCounts(),
        )
    return breaker


def _open(breaker: BreakerState, rules: BreakerRules, *, now: datetime) -> BreakerState:
    pause_s = min(rules.max_open_s, rules.open_s * 2**breaker.times_opened)
    return BreakerState(
        BreakerPhase.OPEN, until=now + timedelta(seconds=pause_s), times_opened=min(breaker.times_opened + 1, 30)
    )


def _pause(until: datetime, now: datetime, reason: str) -> Paused:
    return Paused(reason, retry_after_s=max(0.1, (until - now).total_seconds()))
