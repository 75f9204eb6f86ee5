"""Repeating stands: recurrence rules of RFC 5545 in local time, public holidays left out.

Invariants: every stand of a series is at the same local time, before and after a change to summer time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dateutil.rrule import rrulestr
from service_catalogue.local_calendar import LocalCalendar
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.refusals import INVALID_RULE

MAX_OCCURRENCES = 200
LAST_YEAR = 2200
# a stand takes hours; and a rule that fits no day, such as 30 February, is searched for until the year 9999: quickly by
# the month or the year, for many seconds by the day, and without end for an interval of 0
DAYS_PARTS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH"})
MONTHS_PARTS = DAYS_PARTS | {"BYMONTHDAY", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"}
PARTS = {"DAILY": DAYS_PARTS, "WEEKLY": DAYS_PARTS, "MONTHLY": MONTHS_PARTS, "YEARLY": MONTHS_PARTS}
INTERVAL = re.compile("[1-9][0-9]{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """`holiday`: the name of the public holiday on that day, else empty."""

    starts_at: datetime
    ends_at: datetime
    holiday: str


def occurrences(rule: str, first: datetime, last: datetime, calendar: LocalCalendar) -> list[Occurrence] | Refusal:
    """`rule`: an RRULE with COUNT or UNTIL; `first`, `last`: begin and end of the first stand."""
    zone = calendar.zone
    begin, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (first, last))
    text = rule.removeprefix("RRULE:")
    if not _is_bounded(text):
        return INVALID_RULE
    try:
        starts = [*_limited(rrulestr(_with_local_until(text), dtstart=begin))]
    except (ValueError, TypeError, AttributeError, IndexError, ArithmeticError):
        return INVALID_RULE
    if not starts or len(starts) > MAX_OCCURRENCES:
        return INVALID_RULE
    return [
        Occurrence(at.replace(tzinfo=zone), (at + (end - begin)).replace(tzinfo=zone), calendar.holiday(at.date()))
        for at in starts
    ]


def _is_bounded(text: str) -> bool:
    """Whether the rule ends, and is expanded in a moment. Each part once: the library would take the last one."""
    parts = [part.upper().partition("=")[::2] for part in text.split(";")]
    named = dict(parts)
    allowed = PARTS.get(named.get("FREQ", ""), frozenset())
    ends = bool({"COUNT", "UNTIL"} & named.keys())
    return (
        len(named) == len(parts)
        and named.keys() <= allowed
        and ends
        and bool(INTERVAL.fullmatch(named.get("INTERVAL", "1")))
    )


def _limited(rule: Iterator[datetime]) -> Iterator[datetime]:
    for number, at in enumerate(rule):
        if number > MAX_OCCURRENCES or at.year > LAST_YEAR:
            return
        yield at


def _with_local_until(text: str) -> str:
    """UNTIL without its zone: the rule is expanded in local time."""
    parts = [part.removesuffix("Z") if part.upper().startswith("UNTIL=") else part for part in text.split(";")]
    return ";".join(parts)
