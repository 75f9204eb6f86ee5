"""Dates and times that people and browsers type into forms."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.bounded import DAYS_END, EARLIEST_DAY, EARLIEST_TIME, TIMES_END
from wanderamt.shell.web_forms import parse_date, parse_time


@pytest.mark.parametrize("text", ["1990-04-01", "1.4.1990", "01.04.1990", " 1. 4. 1990 "])
def test_a_date_may_be_typed_in_several_ways(text: str) -> None:
    assert parse_date(text) == date(1990, 4, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1.1", "1.1.1", "1.1.1849", "31.12.9999", "0001-01-01", "9999-12-31", "2200-01-01", "30.2.2000"),
        *("1.1.99999999999999999999", "99999999999999999999.1.2000", f"1.1.{'9' * 5_000}", "²².1.2000", "1.-1.2000"),
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@given(st.text() | st.from_regex(r"\A\d{1,30}\.\d{1,30}\.\d{1,30}\Z"))
def test_no_text_raises_an_error(text: str) -> None:
    day, time = parse_date(text), parse_time(text)
    assert day is None or EARLIEST_DAY <= day < DAYS_END
    assert time is None or EARLIEST_TIME <= time < TIMES_END


def test_a_time_has_a_zone_and_lies_in_bounds() -> None:
    assert parse_time("2026-05-04T09:30:00+02:00") == datetime(2026, 5, 4, 7, 30, tzinfo=UTC)
    for text in ("2026-05-04T09:30:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T00:00Z"):
        assert parse_time(text) is None
