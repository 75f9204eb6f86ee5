"""Rules for due dates, and the application day, from which due dates and fees count."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator
from service_catalogue.conditions import MissingFact
from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.models import CatalogueModel
from service_catalogue.references import NotKnown, Reference, Values, resolve

MAX_OFFLINE_AGE = timedelta(days=30)  # how long a device may be offline
END_OF_DAY = time(23, 59)
SUNDAY: Final = 6
CALENDAR: Final = "calendar"  # key of the context in which a catalogue is read


class LocalModel(CatalogueModel):
    """A part of the catalogue that counts in local time: the reader of the catalogue gives the authority's calendar as
    the context CALENDAR. Without it: UTC, no public holidays."""

    _calendar: LocalCalendar = PrivateAttr(LocalCalendar())

    @model_validator(mode="after")
    def _with_calendar(self, info: ValidationInfo) -> Self:
        self._calendar = (info.context or {}).get(CALENDAR, self._calendar)
        return self

    @property
    def calendar(self) -> LocalCalendar:
        return self._calendar


class CalendarSpan(LocalModel):
    """One unit: `{days: 3}`, `{workdays: 5}`, `{weeks: 2}`, `{months: 12}` or `{years: 2}`.

    Workdays are all days but Sundays and public holidays. A month after the 31st is the last day.
    """

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

    def after(self, day: date) -> date:
        return self._shift(day, 1)

    def before(self, day: date) -> date:
        return self._shift(day, -1)

    def _shift(self, day: date, sign: int) -> date:
        if self.workdays is not None:
            return _workdays_from(day, self.workdays, sign, self.calendar)
        if self.months is not None or self.years is not None:
            return _months_from(day, sign * ((self.months or 0) + 12 * (self.years or 0)))
        return day + sign * timedelta(days=(self.days or 0) + 7 * (self.weeks or 0))


class DueRule(LocalModel):
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
        return datetime.combine(shifted, self.at, self.calendar.zone)


def application_day(captured_at: datetime, calendar: LocalCalendar, *, now: datetime) -> date:
    """The day whose rules and fees count. If the device's clock is ahead or too far behind, it is today."""
    return calendar.day_of(trusted_time(captured_at, now=now))


def trusted_time(captured_at: datetime, *, now: datetime) -> datetime:
    """The device's time, or now if its clock is ahead or too far behind."""
    return captured_at if now - MAX_OFFLINE_AGE <= captured_at <= now else now


def _workdays_from(day: date, number: int, sign: int, calendar: LocalCalendar) -> date:
    while number:
        day += sign * timedelta(days=1)
        if day.weekday() != SUNDAY and not calendar.holiday(day):
            number -= 1
    return day


def _months_from(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def parse_day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
