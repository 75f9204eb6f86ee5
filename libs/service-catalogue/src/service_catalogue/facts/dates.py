"""Days as 2026-05-04, and dates of which the day or the month is unknown, as foreign birth documents have them.

Typed may be either 2026-05-04 or the Austrian 4.5.2026. An unknown part is left out or typed as 00; none is invented.
"""

import re
from datetime import date
from typing import Final

from wanderamt.kernel.bounded import DAYS_END, EARLIEST_DAY

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.texts import check_typed

YEARS: Final = range(EARLIEST_DAY.year, DAYS_END.year)
_ISO: Final = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?")
_AUSTRIAN: Final = re.compile(r"(?:(?:(?P<day>[0-9]{1,2})\. ?)?(?P<month>[0-9]{1,2})\. ?)?(?P<year>[0-9]{4})")


def check_date(value: object) -> str | FactFault:
    """A full day of 1850 to 2199."""
    parts = _parts(value, "date.form")
    if isinstance(parts, FactFault):
        return parts
    year, month, day = parts
    return _canonical(year, month, day) if month and day else FactFault("date.form")


def check_partial_date(value: object) -> str | FactFault:
    """A year, a month of a year, or a full day, of 1850 to 2199."""
    parts = _parts(value, "partial_date.form")
    if isinstance(parts, FactFault):
        return parts
    year, month, day = parts
    return FactFault("partial_date.form") if day and not month else _canonical(year, month, day)


def _parts(value: object, fault: str) -> tuple[int, int, int] | FactFault:
    """Year, month and day, with 0 for an unknown part."""
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    match = _ISO.fullmatch(text) or _AUSTRIAN.fullmatch(text)
    if not match:
        return FactFault(fault)
    return int(match["year"]), int(match["month"] or 0), int(match["day"] or 0)


def _canonical(year: int, month: int, day: int) -> str | FactFault:
    if year not in YEARS:
        return FactFault("date.year", values={"min": YEARS[0], "max": YEARS[-1]})
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return FactFault("date.no_such_day")
    return f"{year:04}" + (f"-{month:02}" if month else "") + (f"-{day:02}" if day else "")
