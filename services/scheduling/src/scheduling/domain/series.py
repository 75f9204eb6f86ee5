"""Stands that repeat: rules of RFC 5545, by the clock on the wall, holidays left out.

Kept true: a stand of a series is at the same time of the day before and after the clocks change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from dateutil.rrule import rrulestr
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import BAD_RULE

MOST = 200  # stands of one series
COUNTRY, PROVINCE = "AT", "4"  # Upper Austria


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`holiday`: the name of the public holiday it falls on; such a one is left out unless it is wanted."""

    starts_at: datetime
    ends_at: datetime
    holiday: str


@lru_cache
def _calendar(language: str) -> holidays.HolidayBase:
    return holidays.country_holidays(COUNTRY, subdiv=PROVINCE, language=language)


def holiday(day: date, language: str = "de") -> str:
    """Its name; empty where the day is none."""
    return _calendar(language).get(day) or ""


def occurrences(rule: str, first: datetime, last: datetime, zone: ZoneInfo) -> list[Occurrence] | Refusal:
    """`rule`: an RRULE that ends; `first`, `last`: begin and end of the first stand."""
    begin, end = (one.astimezone(zone).replace(tzinfo=None) for one in (first, last))
    text = rule.removeprefix("RRULE:")
    if "\n" in text or not {"COUNT", "UNTIL"} & {part.split("=")[0].upper() for part in text.split(";")}:
        return BAD_RULE
    try:
        found = [*_first(rrulestr(_naive(text), dtstart=begin))]
    except (ValueError, TypeError, AttributeError, IndexError):
        return BAD_RULE
    if not found or len(found) > MOST:
        return BAD_RULE
    return [
        Occurrence(at.replace(tzinfo=zone), (at + (end - begin)).replace(tzinfo=zone), holiday(at.date()))
        for at in found
    ]


def _first(rule: Iterator[datetime]) -> Iterator[datetime]:
    for number, at in enumerate(rule):
        if number > MOST or at.year > 2200:
            return
        yield at


def _naive(text: str) -> str:
    """UNTIL as a time of the wall: the rule is walked through without a zone."""
    parts = [part.removesuffix("Z") if part.upper().startswith("UNTIL=") else part for part in text.split(";")]
    return ";".join(parts)
