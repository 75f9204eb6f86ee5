"""Repeating stands: recurrence rules of RFC 5545 in local time, public holidays left out.

Invariants: every stand of a series is at the same local time, before and after a change to summer time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from dateutil.rrule import rrulestr
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import INVALID_RULE

MAX_OCCURRENCES = 200
LAST_YEAR = 2200
COUNTRY, PROVINCE = "AT", "4"  # Upper Austria


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`holiday`: the name of the public holiday on that day, else empty."""

    starts_at: datetime
    ends_at: datetime
    holiday: str


@lru_cache
def _calendar(language: str) -> holidays.HolidayBase:
    return holidays.country_holidays(COUNTRY, subdiv=PROVINCE, language=language)


def holiday_name(day: date, language: str = "de") -> str:
    """Empty if the day is no public holiday."""
    return _calendar(language).get(day) or ""


def occurrences(rule: str, first: datetime, last: datetime, zone: ZoneInfo) -> list[Occurrence] | Refusal:
    """`rule`: an RRULE with COUNT or UNTIL; `first`, `last`: begin and end of the first stand."""
    begin, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (first, last))
    text = rule.removeprefix("RRULE:")
    if "\n" in text or not {"COUNT", "UNTIL"} & {part.split("=")[0].upper() for part in text.split(";")}:
        return INVALID_RULE
    try:
        starts = [*_limited(rrulestr(_with_local_until(text), dtstart=begin))]
    except (ValueError, TypeError, AttributeError, IndexError):
        return INVALID_RULE
    if not starts or len(starts) > MAX_OCCURRENCES:
        return INVALID_RULE
    return [
        Occurrence(at.replace(tzinfo=zone), (at + (end - begin)).replace(tzinfo=zone), holiday_name(at.date()))
        for at in starts
    ]


def _limited(rule: Iterator[datetime]) -> Iterator[datetime]:
    for number, at in enumerate(rule):
        if number > MAX_OCCURRENCES or at.year > LAST_YEAR:
            return
        yield at


def _with_local_until(text: str) -> str:
    """UNTIL without its zone: the rule is expanded in local time."""
    parts = [part.removesuffix("Z") if part.upper().startswith("UNTIL=") else part for part in text.split(";")]
    return ";".join(parts)
