"""Bounded types for everything that callers send: in bodies, queries, paths, headers and entries.

Invariants: arithmetic on a bounded value, such as a time zone, a period or a deadline, never leaves what Python and
PostgreSQL can hold; `tests/architecture/test_bounded_requests.py` refuses a request field without bounds.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue

EARLIEST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
TIMES_END: Final = datetime(2200, 1, 1, tzinfo=UTC)
LATEST_TIME: Final = TIMES_END - timedelta(seconds=1)
EARLIEST_DAY: Final = date(1850, 1, 1)  # of a birth
DAYS_END: Final = date(2200, 1, 1)
MAX_INT: Final = 2**31 - 1  # of a column INTEGER
MAX_BIG_INT: Final = 2**63 - 1  # of a column BIGINT
MAX_JSON_INT: Final = 2**53  # JavaScript counts exactly up to here
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"  # registers, printers and calendars reject control characters
MAX_JSON_TEXT: Final = 4000
MAX_JSON_ITEMS: Final = 100
MAX_JSON_DEPTH: Final = 6
VERSION_PATTERN: Final = r"^[\w.-]{1,40}$"  # of a text that people accept, such as 2026-1

BoundedTime = Annotated[AwareDatetime, Field(ge=EARLIEST_TIME, lt=TIMES_END, description="From 1970 until 2199.")]
"""A time that the caller chooses: outside of the bounds it is refused."""


def clamped_time(time: datetime) -> datetime:
    """The nearest time within the bounds of BoundedTime."""
    if EARLIEST_TIME.year < time.year < TIMES_END.year - 1:  # in every time zone; to compare times takes longer
        return time
    return min(max(time, EARLIEST_TIME), LATEST_TIME)


ClockTime = Annotated[
    AwareDatetime,
    AfterValidator(clamped_time),
    Field(description="By the clock of the device, which may be wrong: taken as 1970 to 2199 at most."),
]
"""A time by the clock of a device: clamped, because nothing that was recorded with a wrong clock may be lost."""
BoundedDay = Annotated[date, Field(ge=EARLIEST_DAY, lt=DAYS_END, description="From 1850 until 2199.")]


def bounded_json(value: JsonValue) -> JsonValue:
    """The value. Raises ValueError if a text, a number or the nesting of it is beyond the bounds of BoundedJson."""
    kind = type(value)
    if kind is bool or value is None:
        return value
    _check_json(value, MAX_JSON_DEPTH)
    return value


def _check_json(value: JsonValue, depth: int) -> None:
    if isinstance(value, str):
        if len(value) > MAX_JSON_TEXT:
            raise ValueError(f"a text of more than {MAX_JSON_TEXT} characters")
    elif isinstance(value, int | float):
        if not -MAX_JSON_INT <= value <= MAX_JSON_INT:
            raise ValueError("a number that is too large")
    elif isinstance(value, dict | list):
        if not depth or len(value) > MAX_JSON_ITEMS:
            raise ValueError(f"nested deeper than {MAX_JSON_DEPTH}, or more than {MAX_JSON_ITEMS} parts")
        for part in value.values() if isinstance(value, dict) else value:
            _check_json(part, depth - 1)
        if isinstance(value, dict):
            for name in value:
                _check_json(name, depth)


BoundedJson = Annotated[JsonValue, AfterValidator(bounded_json)]
"""Any JSON value: texts of 4,000 characters, 100 parts, six levels."""


def bounded_day(day: date) -> date | None:
    """The day, or None outside of the bounds of BoundedDay."""
    return day if EARLIEST_DAY <= day < DAYS_END else None


def bounded_time(time: datetime) -> datetime | None:
    """The time, or None outside of the bounds of BoundedTime. `time`: with a zone."""
    return time if EARLIEST_TIME <= time < TIMES_END else None
