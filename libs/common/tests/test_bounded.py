"""Times by the clock of a device are clamped to what arithmetic can hold, and are never changed within it."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st
from wanderamt.kernel.bounded import EARLIEST_TIME, TIMES_END, clamped_time

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ANY_TIME = st.datetimes(timezones=ZONES)


@given(ANY_TIME)
@example(EARLIEST_TIME - timedelta(seconds=1))
@example(TIMES_END)
@example(datetime(1, 1, 1, tzinfo=UTC))
@example(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
@example(datetime(2200, 1, 1, 5, tzinfo=timezone(timedelta(hours=6))))
@example(datetime(1969, 12, 31, 23, tzinfo=timezone(timedelta(hours=-6))))
def test_a_clamped_time_is_the_nearest_within_the_bounds(time: datetime) -> None:
    clamped = clamped_time(time)
    assert EARLIEST_TIME <= clamped < TIMES_END
    if EARLIEST_TIME <= time < TIMES_END:
        assert clamped is time
    else:
        assert clamped in {EARLIEST_TIME, TIMES_END - timedelta(seconds=1)}
