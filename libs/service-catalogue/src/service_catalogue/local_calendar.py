"""Local time and public holidays at the place of an authority."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from holidays import HolidayBase

QUARTER_S: Final = 900
UNKNOWN_ZONE: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class LocalCalendar:
    """`holidays_of`: country and province (ISO 3166), such as AT-4; empty: no public holidays."""

    zone: ZoneInfo = UNKNOWN_ZONE
    holidays_of: str = ""

    def day_of(self, at: datetime) -> date:
        return _day_of_quarter(int(at.timestamp()) // QUARTER_S, self.zone)

    def holiday(self, day: date, language: str = "de") -> str:
        """Its name; empty if the day is no public holiday."""
        return _holidays(self.holidays_of, language).get(day) or "" if self.holidays_of else ""


@lru_cache(maxsize=1024)  # each entry of a sync asks, and most are of one day
def _day_of_quarter(quarter: int, zone: ZoneInfo) -> date:
    """`quarter`: of an hour, since 1970, in UTC. Every zone is ahead of UTC by whole quarters, so its day never changes
    within one."""
    return datetime.fromtimestamp(quarter * QUARTER_S, zone).date()


@lru_cache
def _holidays(code: str, language: str) -> "HolidayBase":
    # loaded at the first use: a tenth of the import time of a service
    import holidays  # noqa: PLC0415

    country, _, province = code.partition("-")
    return holidays.country_holidays(country, subdiv=province or None, language=language)
