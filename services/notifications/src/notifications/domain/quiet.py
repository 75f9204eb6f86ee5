"""Hours in which no telephone rings for us: nights, Sundays and public holidays, by the clock on the citizen's wall."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

SUNDAY = 6


@lru_cache
def _free_days(country: str, province: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=province or None)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` in the evening until `ends` in the morning, and all day on Sundays and public holidays."""

    begins: time
    ends: time
    zone: ZoneInfo
    country: str = "AT"
    province: str = "4"  # Upper Austria

    def until(self, now: datetime) -> datetime | None:
        """When they end that are now; None outside of them."""
        here = now.astimezone(self.zone)
        if not self._quiet(here):
            return None
        day = here.date()
        if here.time() >= self.ends or self._free(day):
            day += timedelta(days=1)
        while self._free(day):
            day += timedelta(days=1)
        return datetime.combine(day, self.ends, self.zone)

    def _quiet(self, here: datetime) -> bool:
        return self._free(here.date()) or here.time() < self.ends or here.time() >= self.begins

    def _free(self, day: date) -> bool:
        return day.weekday() == SUNDAY or day in _free_days(self.country, self.province)


def read_hours(text: str, zone: ZoneInfo) -> QuietHours | None:
    """'20:00-07:00'; empty: there are none. Raises ValueError."""
    if not text:
        return None
    begins, _, ends = text.partition("-")
    hours = QuietHours(time.fromisoformat(begins), time.fromisoformat(ends), zone)
    if hours.begins <= hours.ends:
        raise ValueError("quiet hours begin in the evening and end in the morning, such as 20:00-07:00")
    return hours
