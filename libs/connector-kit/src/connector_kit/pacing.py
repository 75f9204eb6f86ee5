"""How fast a register may be asked, all processes together: pace, quota of the day, hours of maintenance. Pure.

Kept true: over any time span t at most rate * t + 1 calls go (the generic cell rate algorithm, ITU-T I.371, without
burst): each call has its own moment, and the next free one stands in a row that is moved under its lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from wanderamt.kernel.decision import Pause

from connector_kit.manifest import Day, Limits, Maintenance

AHEAD = timedelta(seconds=1)  # moments are given out so far ahead: what is claimed is called soon, or its lease ends
DAYS = tuple(Day)


@dataclass(frozen=True, slots=True)
class Pace:
    """`free_at`: the next moment nobody has. `day`, `used`: calls of that day. `held_until`: the register said when."""

    free_at: datetime | None = None
    day: date | None = None
    used: int = 0
    held_until: datetime | None = None


def moments(
    pace: Pace, wanted: int, limits: Limits, windows: Sequence[Maintenance], *, zone: ZoneInfo, now: datetime
) -> tuple[Pace, list[datetime] | Pause]:
    """A moment for each of up to `wanted` calls, the first at once if it is free; or why none may go."""
    closed = closed_until(windows, zone=zone, now=now)
    if closed:
        return pace, _pause(closed, now, "the register is closed for maintenance")
    if pace.held_until and now < pace.held_until:
        return pace, _pause(pace.held_until, now, "the register asked us to wait")
    today = now.astimezone(zone).date()
    used = pace.used if pace.day == today else 0
    left = wanted if limits.daily_quota is None else min(wanted, limits.daily_quota - used)
    if wanted and left < 1:
        return pace, _pause(_midnight(today, zone), now, "the quota of the day is used up")
    step = timedelta(seconds=1 / limits.rate_per_s)
    first = max(pace.free_at or now, now)
    given = [first + number * step for number in range(left)]
    given = [moment for moment in given if moment <= now + AHEAD]
    if wanted and not given:
        return pace, _pause(first, now, "the pace the register bears")
    free_at = given[-1] + step if given else pace.free_at
    return replace(pace, free_at=free_at, day=today, used=used + len(given)), given


def quota_left(pace: Pace, limits: Limits, *, zone: ZoneInfo, now: datetime) -> bool:
    return limits.daily_quota is None or pace.day != now.astimezone(zone).date() or pace.used < limits.daily_quota


def held(pace: Pace, after_s: float, *, now: datetime) -> Pace:
    """The register said that we are too many: nothing goes for so long."""
    until = now + timedelta(seconds=after_s)
    return replace(pace, held_until=max(until, pace.held_until or until))


def closed_until(windows: Sequence[Maintenance], *, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the maintenance that is under way ends. Hours are those of the clock on the register's wall."""
    here = now.astimezone(zone)
    ends = []
    for window in windows:
        for day in (here.date(), here.date() - timedelta(days=1)):
            if DAYS[day.weekday()] not in window.days:
                continue
            begins = datetime.combine(day, window.begins, zone)
            over_midnight = window.ends <= window.begins
            end = datetime.combine(day + timedelta(days=over_midnight), window.ends, zone)
            if begins.timestamp() <= now.timestamp() < end.timestamp():
                ends.append(end)
    return max(ends, default=None)


def _midnight(today: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(today + timedelta(days=1), datetime.min.time(), zone)


def _pause(until: datetime, now: datetime, reason: str) -> Pause:
    return Pause(reason, look_again_s=max(0.01, until.timestamp() - now.timestamp()))
