"""Quiet hours, in which no SMS is sent: nights, Sundays and public holidays, in the citizen's time zone."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SUNDAY = 6


@lru_cache
def _public_holidays(code: str) -> Container[date]:
    if not code:
        return frozenset()
    # loaded at the first use: a tenth of the service's import time
    import holidays  # noqa: PLC0415

    country, _, province = code.partition("-")
    return holidays.country_holidays(country, subdiv=province or None)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` in the evening until `ends` in the morning, and all day on Sundays and public holidays.

    `holidays_of`: country and province, such as AT-4; empty: no public holidays.
    """

    begins: time
    ends: time
    zone: ZoneInfo
    holidays_of: str = ""

    def until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that `now` is in; None outside of quiet hours."""
        local = now.astimezone(self.zone)
        if not self._is_quiet(local):
            return None
        day = local.date()
        if local.time() >= self.ends or self._is_free_day(day):
            day += timedelta(days=1)
        while self._is_free_day(day):
            day += timedelta(days=1)
        return datetime.combine(day, self.ends, self.zone)

    def _is_quiet(self, local: datetime) -> bool:
        return self._is_free_day(local.date()) or local.time() < self.ends or local.time() >= self.begins

    def _is_free_day(self, day: date) -> bool:
        return day.weekday() == SUNDAY or day in _public_holidays(self.holidays_of)


def parse_quiet_hours(text: str, zone: ZoneInfo, *, holidays_of: str = "") -> QuietHours | None:
    """'20:00-07:00'; empty: no quiet hours. Raises ValueError."""
    if not text:
        return None
    begins, _, ends = text.partition("-")
    hours = QuietHours(time.fromisoformat(begins), time.fromisoformat(ends), zone, holidays_of)
    if hours.begins <= hours.ends:
        raise ValueError("quiet hours begin in the evening and end in the morning, such as 20:00-07:00")
    return hours
