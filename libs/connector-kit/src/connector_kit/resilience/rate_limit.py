"""When calls to a register may start, for all processes together: rate limit, daily quota, maintenance hours. Pure.

Invariants: within any time span of t seconds at most rate * t + 1 calls start (the generic cell rate algorithm, ITU-T
I.371, without burst): each call gets its own slot, and the next free slot is stored in a row and moved under its lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from wanderamt.kernel.decision import Paused

from connector_kit.manifest.limits import MaintenanceWindow, RegisterLimits, Weekday

MAX_LOOKAHEAD = timedelta(
    seconds=1
)  # slots are reserved no further ahead: a claimed call must start before its lease ends
WEEKDAYS = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """`next_slot_at`: the next free slot. `day`, `calls_today`: calls of that day. `backoff_until`: set when the
    register throttles us."""

    next_slot_at: datetime | None = None
    day: date | None = None
    calls_today: int = 0
    backoff_until: datetime | None = None


def next_slots(
    state: RateLimitState,
    requested: int,
    limits: RegisterLimits,
    windows: Sequence[MaintenanceWindow],
    *,
    zone: ZoneInfo,
    now: datetime,
) -> tuple[RateLimitState, list[datetime] | Paused]:
    """Start times for up to `requested` calls, the first one now if possible; or why no call may go."""
    ends = maintenance_until(windows, zone=zone, now=now)
    if ends:
        return state, _pause(ends, now, "maintenance")
    if state.backoff_until and now < state.backoff_until:
        return state, _pause(state.backoff_until, now, "the register asked us to wait")
    today = now.astimezone(zone).date()
    used = state.calls_today if state.day == today else 0
    left = requested if limits.daily_quota is None else min(requested, limits.daily_quota - used)
    if requested and left < 1:
        return state, _pause(_midnight(today, zone), now, "daily quota used up")
    step = timedelta(seconds=1 / limits.rate_per_s)
    first = max(state.next_slot_at or now, now)
    slots = [first + number * step for number in range(left)]
    slots = [slot for slot in slots if slot <= now + MAX_LOOKAHEAD]
    if requested and not slots:
        return state, _pause(first, now, "rate limit of the register")
    free_at = slots[-1] + step if slots else state.next_slot_at
    return replace(state, next_slot_at=free_at, day=today, calls_today=used + len(slots)), slots


def quota_left(state: RateLimitState, limits: RegisterLimits, *, zone: ZoneInfo, now: datetime) -> bool:
    return (
        limits.daily_quota is None or state.day != now.astimezone(zone).date() or state.calls_today < limits.daily_quota
    )


def backed_off(state: RateLimitState, after_s: float, *, now: datetime) -> RateLimitState:
    """The register throttles us: no call for `after_s` seconds."""
    until = now + timedelta(seconds=after_s)
    return replace(state, backoff_until=max(until, state.backoff_until or until))


def maintenance_until(windows: Sequence[MaintenanceWindow], *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the current maintenance ends. The hours are local time of the register."""
    local = now.astimezone(zone)
    ends = []
    for window in windows:
        for day in (local.date(), local.date() - timedelta(days=1)):
            if WEEKDAYS[day.weekday()] not in window.days:
                continue
            begins = datetime.combine(day, window.begins, zone)
            over_midnight = window.ends <= window.begins
            end = datetime.combine(day + timedelta(days=over_midnight), window.ends, zone)
            if begins.timestamp() <= now.timestamp() < end.timestamp():
                ends.append(end)
    return max(ends, default=None)


def _midnight(today: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(today + timedelta(days=1), datetime.min.time(), zone)


def _pause(until: datetime, now: datetime, reason: str) -> Paused:
    return Paused(reason, retry_after_s=max(0.01, until.timestamp() - now.timestamp()))
