"""By when something must be done, in the calendar of Europe/Vienna with the public holidays of Austria.

A day counted in workdays leaves out Saturdays, Sundays and public holidays. A month that is too short ends on its last
day, as in Council Regulation 1182/71, article 3.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
from pydantic import Field, model_validator

from intake.domain.catalogue.condition import Missing
from intake.domain.catalogue.words import Code, FactValue, Part

VIENNA = ZoneInfo("Europe/Vienna")
MAX_CAPTURE_AGE = timedelta(days=30)  # how long a device may be without network
END_OF_DAY = time(23, 59)
_HOLIDAYS = holidays.country_holidays("AT")


class Span(Part):
    """One unit: `{days: 3}`, `{workdays: 5}`, `{weeks: 2}`, `{months: 12}` or `{years: 2}`."""

    days: int | None = Field(None, ge=0, le=4000)
    workdays: int | None = Field(None, ge=0, le=500)
    weeks: int | None = Field(None, ge=0, le=500)
    months: int | None = Field(None, ge=0, le=1200)
    years: int | None = Field(None, ge=0, le=100)

    @model_validator(mode="after")
    def _one(self) -> "Span":
        if len(self.model_fields_set & {"days", "workdays", "weeks", "months", "years"}) != 1:
            raise ValueError("give exactly one of days, workdays, weeks, months, years")
        return self


class Due(Part):
    """`{since: moved_on, after: {days: 3}}` or `{since: election_day, before: {days: 2}, at: "12:00"}`."""

    since: Code = Field(description="A fact of kind date, or application_day.")
    after: Span | None = None
    before: Span | None = None
    at: time = Field(END_OF_DAY, description="Local time; without it, the end of the day.")

    @model_validator(mode="after")
    def _one_direction(self) -> "Due":
        if (self.after is None) == (self.before is None):
            raise ValueError("give either 'after' or 'before'")
        return self


def due_at(due: Due, facts: Mapping[str, FactValue]) -> datetime | Missing:
    """The last moment, aware, in Europe/Vienna."""
    since = facts.get(due.since)
    if not isinstance(since, date):
        return Missing(due.since)
    day = _moved(since, due.after, 1) if due.after else _moved(since, due.before or Span(days=0), -1)
    return datetime.combine(day, due.at, VIENNA)


def application_day(captured_at: datetime, *, now: datetime) -> date:
    """The day whose rules and fees count. A device whose clock is ahead, or far behind, applied today."""
    believed = captured_at if now - MAX_CAPTURE_AGE <= captured_at <= now else now
    return believed.astimezone(VIENNA).date()


def is_workday(day: date) -> bool:
    return day.weekday() < 5 and day not in _HOLIDAYS


def _moved(day: date, span: Span, sign: int) -> date:
    if span.workdays is not None:
        left = span.workdays
        while left:
            day += timedelta(days=sign)
            left -= is_workday(day)
        return day
    if span.months is not None or span.years is not None:
        return _by_months(day, sign * ((span.months or 0) + 12 * (span.years or 0)))
    return day + sign * timedelta(days=(span.days or 0) + 7 * (span.weeks or 0))


def _by_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
