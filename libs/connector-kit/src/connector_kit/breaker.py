"""Stops asking a register that fails or is too slow, and asks again with one probe. Pure; who drives it keeps the row.

Kept true: while it is open nothing goes; then exactly one call goes, however many processes ask at the same time,
because the state is changed under the lock of its row; a probe whose process died is given up after its time. Calls
that the register refused for our own fault (a wrong question, too many of us) say nothing about its health.

Window: two counters of half a window each, the elder weighted by how much of it still lies in the window
(the sliding-window counter known from rate limiting). It forgets steadily and costs one small row.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from wanderamt.kernel.decision import Pause

from connector_kit.manifest import Breaking


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Tally:
    calls: int = 0
    failures: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Breaker:
    """`until`: open until then, or the probe counts until then. `opened`: how often in a row, for the pause to grow."""

    phase: Phase = Phase.CLOSED
    until: datetime | None = None
    opened: int = 0
    half_from: datetime | None = None
    elder: Tally = Tally()
    younger: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Share:
    """Of the calls in the window: weighted, so no whole numbers."""

    calls: float
    failures: float
    slow: float


def may_go(
    breaker: Breaker, wanted: int, rules: Breaking, *, now: datetime, probe_s: float
) -> tuple[Breaker, int | Pause]:
    """How many of `wanted` calls may go now. `probe_s`: after so long without an outcome a probe counts as failed."""
    match breaker.phase:
        case Phase.CLOSED:
            return breaker, wanted
        case Phase.OPEN if breaker.until and now < breaker.until:
            return breaker, _pause(breaker.until, now, "the register fails; it is left alone")
        case Phase.PROBING if breaker.until and now < breaker.until:
            return breaker, _pause(breaker.until, now, "one call is finding out whether the register is back")
        case Phase.PROBING:
            return _opened(breaker, rules, now=now), _pause(None, now, "the call that was to find out never ended")
    if wanted < 1:
        return breaker, 0
    return replace(breaker, phase=Phase.PROBING, until=now + timedelta(seconds=probe_s)), 1


def after_call(breaker: Breaker, rules: Breaking, *, failed: bool, took_s: float, now: datetime) -> Breaker:
    """What a call teaches. A failure is one of the register: no answer, a broken one, or 'not now'."""
    slow = took_s >= rules.slow_after_s
    match breaker.phase:
        case Phase.PROBING if failed or slow:
            return _opened(breaker, rules, now=now)
        case Phase.PROBING:
            return Breaker(half_from=now, younger=Tally(calls=1))
        case Phase.OPEN:  # it was on its way when the breaker opened, and teaches nothing new
            return breaker
    counted = _counted(breaker, rules, Tally(1, int(failed), int(slow and not failed)), now=now)
    return _judged(counted, rules, now=now)


def after_good_calls(breaker: Breaker, rules: Breaking, calls: int, *, slow: int, now: datetime) -> Breaker:
    """Many calls at the same moment of which none failed, `slow` of them slow. The breaker is closed."""
    return _judged(_counted(breaker, rules, Tally(calls, 0, slow), now=now), rules, now=now)


def _counted(breaker: Breaker, rules: Breaking, more: Tally, *, now: datetime) -> Breaker:
    counted = _moved(breaker, rules, now=now)
    seen = counted.younger
    younger = Tally(seen.calls + more.calls, seen.failures + more.failures, seen.slow + more.slow)
    return replace(counted, younger=younger)


def _judged(counted: Breaker, rules: Breaking, *, now: datetime) -> Breaker:
    share = in_window(counted, rules, now=now)
    if share.calls < rules.min_calls:
        return counted
    if share.failures >= rules.failure_share * share.calls or share.slow >= rules.slow_share * share.calls:
        return _opened(counted, rules, now=now)
    return counted


def probe_given_back(breaker: Breaker) -> Breaker:
    """The call that was to be the probe did not go: the next may be it."""
    return replace(breaker, phase=Phase.OPEN, until=None) if breaker.phase is Phase.PROBING else breaker


def in_window(breaker: Breaker, rules: Breaking, *, now: datetime) -> Share:
    moved = _moved(breaker, rules, now=now)
    if not moved.half_from:
        return Share(0, 0, 0)
    half_s = rules.window_s / 2
    weight = 1 - min(1.0, (now - moved.half_from).total_seconds() / half_s)
    elder, younger = moved.elder, moved.younger
    return Share(
        calls=elder.calls * weight + younger.calls,
        failures=elder.failures * weight + younger.failures,
        slow=elder.slow * weight + younger.slow,
    )


def _moved(breaker: Breaker, rules: Breaking, *, now: datetime) -> Breaker:
    half = timedelta(seconds=rules.window_s / 2)
    if not breaker.half_from or now - breaker.half_from >= 2 * half:
        return replace(breaker, half_from=now, elder=Tally(), younger=Tally())
    if now - breaker.half_from >= half:
        return replace(breaker, half_from=breaker.half_from + half, elder=breaker.younger, younger=Tally())
    return breaker


def _opened(breaker: Breaker, rules: Breaking, *, now: datetime) -> Breaker:
    pause_s = min(rules.open_at_most_s, rules.open_s * 2**breaker.opened)
    return Breaker(Phase.OPEN, until=now + timedelta(seconds=pause_s), opened=min(breaker.opened + 1, 30))


def _pause(until: datetime | None, now: datetime, reason: str) -> Pause:
    return Pause(reason, look_again_s=max(0.1, (until - now).total_seconds()) if until else 0.1)
