"""By when something must be done, in the calendar of Europe/Vienna with the public holidays of Austria.

A day counted in workdays leaves out Saturdays, Sundays and public holidays. A month that is too short ends on its last
day, as in Council Regulation 1182/71, article 3. Apart from what a due date is made of: the holidays of the world cost
9 MB and a second, which only those pay who count.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import holidays

from intake.domain.catalogue.condition import Missing
from intake.domain.catalogue.due import VIENNA, Due, Span
from intake.domain.catalogue.words import FactValue

_HOLIDAYS = holidays.country_holidays("AT")


def due_at(due: Due, facts: Mapping[str, FactValue]) -> datetime | Missing:
    """The last moment, aware, in Europe/Vienna."""
    since = facts.get(due.since)
    if not isinstance(since, date):
        return Missing(due.since)
    day = _moved(since, due.after, 1) if due.after else _moved(since, due.before or Span(days=0), -1)
    return datetime.combine(day, due.at, VIENNA)


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
