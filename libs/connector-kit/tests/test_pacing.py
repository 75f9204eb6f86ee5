"""Pace, quota, maintenance: what a register bears is never exceeded, counted as it would count."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from connector_kit.manifest import Day, Limits, Maintenance
from connector_kit.pacing import Pace, closed_until, held, moments
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Pause

VIENNA = ZoneInfo("Europe/Vienna")
LIMITS = Limits(rate_per_s=5, concurrency=4)
SUNDAY_NIGHT = Maintenance(days=(Day.SUN,), begins=time(23), ends=time(4))


def given_out(pace: Pace, wanted: int, at: datetime, limits: Limits = LIMITS) -> tuple[Pace, list[datetime] | Pause]:
    return moments(pace, wanted, limits, (), zone=VIENNA, now=at)


def test_the_first_call_goes_at_once_and_the_others_one_after_the_other(now: datetime) -> None:
    pace, given = given_out(Pace(), 3, now)
    assert given == [now, now + timedelta(seconds=0.2), now + timedelta(seconds=0.4)]
    _, next_ = given_out(pace, 1, now)
    assert next_ == [now + timedelta(seconds=0.6)]


def test_no_more_is_given_out_than_can_be_called_soon(now: datetime) -> None:
    pace, given = given_out(Pace(), 100, now)
    assert isinstance(given, list)
    assert len(given) == 6
    _, pause = given_out(pace, 1, now)
    assert isinstance(pause, Pause)
    assert pause.look_again_s == pytest.approx(1.2)


@given(
    st.lists(st.tuples(st.integers(0, 10), st.floats(0, 3)), max_size=60),
    st.sampled_from([0.5, 1.0, 5.0, 33.0]),
)
def test_in_no_second_do_more_calls_go_than_the_register_bears(asked: list[tuple[int, float]], rate: float) -> None:
    """A leaky bucket with a burst, which is what the usual library has, lets twice as many go in its first second."""
    at, pace, went = datetime(2026, 11, 23, 11, tzinfo=UTC), Pace(), []
    limits = Limits(rate_per_s=rate, concurrency=10)
    for wanted, pause_s in asked:
        at += timedelta(seconds=pause_s)
        pace, given = given_out(pace, wanted, at, limits)
        if isinstance(given, list):
            went += given
    assert went == sorted(went)
    for number, first in enumerate(went):
        within = [one for one in went[number:] if one - first < timedelta(seconds=1)]
        assert len(within) <= rate + 1


def test_the_quota_of_a_day_is_that_of_the_register_s_day() -> None:
    limits = Limits(rate_per_s=100, concurrency=4, daily_quota=3)
    before = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)  # 23:59 in Vienna
    pace, given = given_out(Pace(), 5, before, limits)
    assert isinstance(given, list)
    assert len(given) == 3
    _, pause = given_out(pace, 1, before, limits)
    assert isinstance(pause, Pause)
    assert pause.look_again_s == 60
    _, again = given_out(pace, 1, before + timedelta(seconds=60), limits)
    assert isinstance(again, list)
    assert len(again) == 1


def test_who_is_asked_to_wait_waits(now: datetime) -> None:
    pace = held(held(Pace(), 30, now=now), 10, now=now)
    _, pause = given_out(pace, 1, now)
    assert isinstance(pause, Pause)
    assert pause.look_again_s == 30
    assert isinstance(given_out(pace, 1, now + timedelta(seconds=30))[1], list)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-22T22:59:00+01:00", None),
        ("2026-11-22T23:00:00+01:00", "2026-11-23T04:00:00+01:00"),
        ("2026-11-23T03:59:59+01:00", "2026-11-23T04:00:00+01:00"),
        ("2026-11-23T04:00:00+01:00", None),
        ("2026-11-23T23:30:00+01:00", None),
        # the night in which clocks go back: the window is an hour longer
        ("2026-10-25T03:30:00+01:00", None),
    ],
)
def test_maintenance_is_by_the_clock_on_the_wall(at: str, until: str | None) -> None:
    ends = closed_until([SUNDAY_NIGHT], zone=VIENNA, now=datetime.fromisoformat(at))
    assert ends == (datetime.fromisoformat(until) if until else None)


def test_a_window_over_the_change_of_clocks_ends_when_the_clock_says() -> None:
    saturday_night = Maintenance(days=(Day.SAT,), begins=time(23), ends=time(4))
    at = datetime.fromisoformat("2026-10-25T00:30:00+00:00")  # 02:30, for the first time that night
    assert closed_until([saturday_night], zone=VIENNA, now=at) == datetime.fromisoformat("2026-10-25T04:00:00+01:00")
    assert closed_until([saturday_night], zone=VIENNA, now=at + timedelta(hours=2, minutes=29))
    assert not closed_until([saturday_night], zone=VIENNA, now=at + timedelta(hours=2, minutes=30))


def test_during_maintenance_nothing_goes_and_nothing_is_counted(now: datetime) -> None:
    every_day = Maintenance(days=tuple(Day), begins=time(11), ends=time(13))
    pace, pause = moments(Pace(), 3, LIMITS, [every_day], zone=VIENNA, now=now)
    assert isinstance(pause, Pause)
    assert (pace, pause.look_again_s) == (Pace(), 3600)
