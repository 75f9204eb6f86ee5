"""Rules for due dates, and the application day, from which due dates and fees count."""

import calendar
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
from pydantic import Field, PrivateAttr, ValidationInfo, model_validator
from service_catalogue.conditions import MissingFact
from service_catalogue.models import CatalogueModel
from service_catalogue.references import NotKnown, Reference, Values, resolve

VIENNA = ZoneInfo("Europe/Vienna")
MAX_OFFLINE_AGE = timedelta(days=30)  # how long a device may be offline
END_OF_DAY = time(23, 59)
HOUR_S = 3600
SUNDAY: Final = 6
HOLIDAYS: Final = "holidays"  # key of the context in which a catalogue is read


class CalendarSpan(CatalogueModel):
    """One unit: `{days: 3}`, `{workdays: 5}`, `{weeks: 2}`, `{months: 12}` or `{years: 2}`.

    Workdays are all days but Sundays and the public holidays of the authority, which the reader of its catalogue gives
    as the context HOLIDAYS. A month after the 31st is the last day.
    """

    _holidays: str = PrivateAttr("")

    days: int | None = Field(None, ge=0, le=4000)
    workdays: int | None = Field(None, ge=0, le=500)
    weeks: int | None = Field(None, ge=0, le=500)
    months: int | None = Field(None, ge=0, le=1200)
    years: int | None = Field(None, ge=0, le=100)

    @model_validator(mode="after")
    def _one(self) -> "CalendarSpan":
        if len(self.model_fields_set & {"days", "workdays", "weeks", "months", "years"}) != 1:
            raise ValueError("give exactly one of days, workdays, weeks, months, years")
        return self

    @model_validator(mode="after")
    def _with_holidays(self, info: ValidationInfo) -> "CalendarSpan":
        self._holidays = (info.context or {}).get(HOLIDAYS, "")
        return self

    def after(self, day: date) -> date:
        return self._shift(day, 1)

    def before(self, day: date) -> date:
        return self._shift(day, -1)

    def _shift(self, day: date, sign: int) -> date:
        if self.workdays is not None:
            return _workdays_from(day, self.workdays, sign, _public_holidays(self._holidays))
        if self.months is not None or self.years is not None:
            return _months_from(day, sign * ((self.months or 0) + 12 * (self.years or 0)))
        return day + sign * timedelta(days=(self.days or 0) + 7 * (self.weeks or 0))


class DueRule(CatalogueModel):
    """`{since: moved_on, after: {days: 3}}` or `{since: election_day, before: {days: 2}, at: "12:00"}`."""

    since: Reference = Field(description="A value of kind date, such as application_day.")
    after: CalendarSpan | None = None
    before: CalendarSpan | None = None
    at: time = Field(END_OF_DAY, description="Local time; without it, the end of the day.")

    @model_validator(mode="after")
    def _one_direction(self) -> "DueRule":
        if (self.after is None) == (self.before is None):
            raise ValueError("give either 'after' or 'before'")
        return self

    def due_at(self, values: Values) -> datetime | MissingFact | None:
        """None: the date is no value of this case, so nothing is due."""
        since = resolve(values, self.since)
        if isinstance(since, NotKnown):
            return MissingFact(self.since)
        day = parse_day(since)
        if not day:
            return None
        shifted = self.after.after(day) if self.after else self.before.before(day) if self.before else day
        return datetime.combine(shifted, self.at, VIENNA)


def application_day(captured_at: datetime, *, now: datetime) -> date:
    """The day whose rules and fees count. If the device's clock is ahead or too far behind, it is today."""
    return _day_of_hour(int(trusted_time(captured_at, now=now).timestamp()) // HOUR_S)


def trusted_time(captured_at: datetime, *, now: datetime) -> datetime:
    """The device's time, or now if its clock is ahead or too far behind."""
    return captured_at if now - MAX_OFFLINE_AGE <= captured_at <= now else now


@lru_cache(maxsize=1024)  # each entry of a sync asks, and most are of one day
def _day_of_hour(hour: int) -> date:
    """`hour`: since 1970, in UTC. Vienna is whole hours ahead, so its day never changes within one."""
    return datetime.fromtimestamp(hour * HOUR_S, VIENNA).date()


def _workdays_from(day: date, number: int, sign: int, is_holiday: Callable[[date], bool]) -> date:
    while number:
        day += sign * timedelta(days=1)
        if day.weekday() != SUNDAY and not is_holiday(day):
            number -= 1
    return day


def _months_from(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@cache
def _public_holidays(code: str) -> Callable[[date], bool]:
    """`code`: country and province, see AuthorityProfile; empty: no public holidays."""
    country, _, province = code.partition("-")
    return holidays.country_holidays(country, subdiv=province or None).__contains__ if code else _never


def _never(_: date) -> bool:
    return False


def parse_day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
