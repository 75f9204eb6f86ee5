"""Rules for due dates, and the application day, from which due dates and fees count."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from service_catalogue.models import CatalogueModel, Code

VIENNA = ZoneInfo("Europe/Vienna")
MAX_OFFLINE_AGE = timedelta(days=30)  # how long a device may be offline
END_OF_DAY = time(23, 59)
HOUR_S = 3600


class CalendarSpan(CatalogueModel):
    """One unit: `{days: 3}`, `{workdays: 5}`, `{weeks: 2}`, `{months: 12}` or `{years: 2}`."""

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


class DueRule(CatalogueModel):
    """`{since: moved_on, after: {days: 3}}` or `{since: election_day, before: {days: 2}, at: "12:00"}`."""

    since: Code = Field(description="A fact of kind date, or application_day.")
    after: CalendarSpan | None = None
    before: CalendarSpan | None = None
    at: time = Field(END_OF_DAY, description="Local time; without it, the end of the day.")

    @model_validator(mode="after")
    def _one_direction(self) -> "DueRule":
        if (self.after is None) == (self.before is None):
            raise ValueError("give either 'after' or 'before'")
        return self


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
