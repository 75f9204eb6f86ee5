"""Quiet hours, in which no SMS is sent: nights, Sundays and public holidays, in local time."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from service_catalogue.local_calendar import LocalCalendar

SUNDAY = 6


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` in the evening until `ends` in the morning, and all day on Sundays and public holidays."""

    begins: time
    ends: time
    calendar: LocalCalendar

    def until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that `now` is in; None outside of quiet hours."""
        local = now.astimezone(self.calendar.zone)
        if not self._is_quiet(local):
            return None
        day = local.date()
        if local.time() >= self.ends or self._is_free_day(day):
            day += timedelta(days=1)
        while self._is_free_day(day):
            day += timedelta(days=1)
        return datetime.combine(day, self.ends, self.calendar.zone)

    def _is_quiet(self, local: datetime) -> bool:
        return self._is_free_day(local.date()) or local.time() < self.ends or local.time() >= self.begins

    def _is_free_day(self, day: date) -> bool:
        return day.weekday() == SUNDAY or bool(self.calendar.holiday(day))


def parse_quiet_hours(text: str, calendar: LocalCalendar) -> QuietHours | None:
    """'20:00-07:00'; empty: no quiet hours. Raises ValueError."""
    if not text:
        return None
    begins, _, ends = text.partition("-")
    hours = QuietHours(time.fromisoformat(begins), time.fromisoformat(ends), calendar)
    if hours.begins <= hours.ends:
        raise ValueError("quiet hours begin in the evening and end in the morning, such as 20:00-07:00")
    return hours
