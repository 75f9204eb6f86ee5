"""Rate limit, quota and maintenance are never violated."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from connector_kit.manifest.limits import MaintenanceWindow, RegisterLimits, Weekday
from connector_kit.resilience.rate_limit import RateLimitState, backed_off, maintenance_until, next_slots
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Paused

VIENNA = ZoneInfo("Europe/Vienna")
LIMITS = RegisterLimits(rate_per_s=5, max_concurrent_calls=4)
SUNDAY_NIGHT = MaintenanceWindow(days=(Weekday.SUN,), begins=time(23), ends=time(4))


def reserve(
    state: RateLimitState, wanted: int, at: datetime, limits: RegisterLimits = LIMITS
) -> tuple[RateLimitState, list[datetime] | Paused]:
    return next_slots(state, wanted, limits, (), zone=VIENNA, now=at)


def test_the_first_call_goes_at_once_and_others_follow_at_the_rate(now: datetime) -> None:
    state, slots = reserve(RateLimitState(), 3, now)
    assert slots == [now, now + timedelta(seconds=0.2), now + timedelta(seconds=0.4)]
    _, next_ = reserve(state, 1, now)
    assert next_ == [now + timedelta(seconds=0.6)]


def test_slots_are_reserved_one_second_ahead(now: datetime) -> None:
    state, slots = reserve(RateLimitState(), 100, now)
    assert isinstance(slots, list)
    assert len(slots) == 6
    _, pause = reserve(state, 1, now)
    assert isinstance(pause, Paused)
    assert pause.retry_after_s == pytest.approx(1.2)


@given(
    st.lists(st.tuples(st.integers(0, 10), st.floats(0, 3)), max_size=60),
    st.sampled_from([0.5, 1.0, 5.0, 33.0]),
)
def test_no_second_has_more_calls_than_the_rate_limit(requests: list[tuple[int, float]], rate: float) -> None:
    """A leaky bucket with burst, as common libraries have, would allow twice as many calls in its first second."""
    at, state, went = datetime(2026, 11, 23, 11, tzinfo=UTC), RateLimitState(), []
    limits = RegisterLimits(rate_per_s=rate, max_concurrent_calls=10)
    for wanted, pause_s in requests:
        at += timedelta(seconds=pause_s)
        state, slots = reserve(state, wanted, at, limits)
        if isinstance(slots, list):
            went += slots
    assert went == sorted(went)
    for number, first in enumerate(went):
        within = [moment for moment in went[number:] if moment - first < timedelta(seconds=1)]
        assert len(within) <= rate + 1


def test_the_daily_quota_uses_the_register_s_time_zone() -> None:
    limits = RegisterLimits(rate_per_s=100, max_concurrent_calls=4, daily_quota=3)
    before = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)  # 23:59 in Vienna
    state, slots = reserve(RateLimitState(), 5, before, limits)
    assert isinstance(slots, list)
    assert len(slots) == 3
    _, pause = reserve(state, 1, before, limits)
    assert isinstance(pause, Paused)
    assert pause.retry_after_s == 60
    _, next_day = reserve(state, 1, before + timedelta(seconds=60), limits)
    assert isinstance(next_day, list)
    assert len(next_day) == 1


def test_throttling_stops_all_calls(now: datetime) -> None:
    state = backed_off(backed_off(RateLimitState(), 30, now=now), 10, now=now)
    _, pause = reserve(state, 1, now)
    assert isinstance(pause, Paused)
    assert pause.retry_after_s == 30
    assert isinstance(reserve(state, 1, now + timedelta(seconds=30))[1], list)


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
def test_maintenance_hours_are_local_time(at: str, until: str | None) -> None:
    ends = maintenance_until([SUNDAY_NIGHT], zone=VIENNA, now=datetime.fromisoformat(at))
    assert ends == (datetime.fromisoformat(until) if until else None)


def test_a_window_over_a_clock_change_ends_at_local_time() -> None:
    saturday_night = MaintenanceWindow(days=(Weekday.SAT,), begins=time(23), ends=time(4))
    at = datetime.fromisoformat("2026-10-25T00:30:00+00:00")  # 02:30, for the first time that night
    assert maintenance_until([saturday_night], zone=VIENNA, now=at) == datetime.fromisoformat(
        "2026-10-25T04:00:00+01:00"
    )
    assert maintenance_until([saturday_night], zone=VIENNA, now=at + timedelta(hours=2, minutes=29))
    assert not maintenance_until([saturday_night], zone=VIENNA, now=at + timedelta(hours=2, minutes=30))


def test_maintenance_stops_calls_and_uses_no_quota(now: datetime) -> None:
    every_day = MaintenanceWindow(days=tuple(Weekday), begins=time(11), ends=time(13))
    state, pause = next_slots(RateLimitState(), 3, LIMITS, [every_day], zone=VIENNA, now=now)
    assert isinstance(pause, Paused)
    assert (state, pause.retry_after_s) == (RateLimitState(), 3600)
