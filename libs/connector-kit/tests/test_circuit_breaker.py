"""The circuit breaker opens on failures and slowness, sends one probe, and forgets old calls."""

from datetime import datetime, timedelta

from connector_kit.manifest.limits import BreakerRules
from connector_kit.resilience.circuit_breaker import (
    BreakerPhase,
    BreakerState,
    admit_calls,
    record_call,
    weighted_counts,
)
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Paused

RULES = BreakerRules(
    window_s=60, min_calls=10, failure_share=0.5, slow_after_s=5, slow_share=0.8, open_s=30, max_open_s=100
)
PROBE_S = 15.0


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def called(breaker: BreakerState, *outcomes: bool, now: datetime, took_s: float = 0.1) -> BreakerState:
    for failed in outcomes:
        breaker = record_call(breaker, RULES, failed=failed, took_s=took_s, now=now)
    return breaker


def allowed(breaker: BreakerState, now: datetime, wanted: int = 20) -> tuple[BreakerState, int | Paused]:
    return admit_calls(breaker, wanted, RULES, now=now, probe_s=PROBE_S)


def test_it_opens_when_every_second_call_fails(now: datetime) -> None:
    """The count of failures in a row, which others use, would never see this one."""
    breaker = called(BreakerState(), *[False, True] * 4, False, now=now)
    assert breaker.phase is BreakerPhase.CLOSED
    breaker = called(breaker, True, now=now)
    assert breaker.phase is BreakerPhase.OPEN
    _, pause = allowed(breaker, now)
    assert isinstance(pause, Paused)
    assert pause.retry_after_s == 30


def test_few_calls_do_not_open_it(now: datetime) -> None:
    assert called(BreakerState(), *[True] * 9, now=now).phase is BreakerPhase.CLOSED


def test_it_opens_when_the_register_is_slow_without_failing(now: datetime) -> None:
    breaker = called(BreakerState(), *[False] * 9, now=now, took_s=6)
    assert breaker.phase is BreakerPhase.CLOSED
    assert called(breaker, False, now=now, took_s=6).phase is BreakerPhase.OPEN


def test_twenty_simultaneous_callers_get_one_probe(now: datetime) -> None:
    breaker = called(BreakerState(), *[True] * 10, now=now)
    later = now + seconds(30)
    gone = 0
    for _ in range(20):
        breaker, answer = allowed(breaker, later)
        gone += answer if isinstance(answer, int) else 0
    assert gone == 1
    assert breaker.phase is BreakerPhase.HALF_OPEN


def test_a_good_probe_closes_it_and_a_failed_one_doubles_the_pause(now: datetime) -> None:
    breaker, _ = allowed(called(BreakerState(), *[True] * 10, now=now), now + seconds(30))
    assert called(breaker, False, now=now).phase is BreakerPhase.CLOSED
    pauses = []
    for _ in range(4):
        later = now + seconds(10_000)
        breaker = called(breaker, True, now=later)
        _, pause = allowed(breaker, later)
        assert isinstance(pause, Paused)
        pauses.append(pause.retry_after_s)
        breaker, admitted = allowed(breaker, later + seconds(pause.retry_after_s))
        assert admitted == 1
    assert pauses == [60, 100, 100, 100]


def test_a_probe_whose_process_died_opens_it_from_then_on(now: datetime) -> None:
    """Who asks without storing the answer comes to the next probe too."""
    half_open, _ = allowed(called(BreakerState(), *[True] * 10, now=now), now + seconds(30))
    probe_ended_s = 30 + PROBE_S
    for after_s, pause_s in ((probe_ended_s - 1, 1), (probe_ended_s, 60), (probe_ended_s + 59, 1)):
        _, pause = allowed(half_open, now + seconds(after_s))
        assert isinstance(pause, Paused)
        assert pause.retry_after_s == pause_s
    later = now + seconds(probe_ended_s + 60)
    breaker, admitted = allowed(half_open, later)
    assert (breaker.phase, breaker.until, admitted) == (BreakerPhase.HALF_OPEN, later + seconds(PROBE_S), 1)


def test_calls_in_flight_when_it_opened_do_not_count(now: datetime) -> None:
    opened = called(BreakerState(), *[True] * 10, now=now)
    assert called(opened, True, False, now=now) == opened


def test_without_calls_no_probe_is_used(now: datetime) -> None:
    opened = called(BreakerState(), *[True] * 10, now=now)
    breaker, answer = allowed(opened, now + seconds(60), wanted=0)
    assert (breaker, answer) == (opened, 0)


def test_old_calls_are_forgotten(now: datetime) -> None:
    breaker = called(BreakerState(), *[True] * 9, now=now)
    assert weighted_counts(breaker, RULES, now=now + seconds(29)).failures == 9
    assert 0 < weighted_counts(breaker, RULES, now=now + seconds(45)).failures < 9
    assert weighted_counts(breaker, RULES, now=now + seconds(60)).failures == 0
    assert called(breaker, True, now=now + seconds(61)).phase is BreakerPhase.CLOSED


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20), st.floats(0, 40)), max_size=80))
def test_it_opens_only_when_the_window_justifies_it(calls: list[tuple[bool, float, float]]) -> None:
    at = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    breaker = BreakerState()
    for seen, (failed, took_s, pause_s) in enumerate(calls, 1):
        at += seconds(pause_s)
        before = breaker.phase
        breaker = record_call(breaker, RULES, failed=failed, took_s=took_s, now=at)
        if before is BreakerPhase.CLOSED and breaker.phase is BreakerPhase.OPEN:
            assert seen >= RULES.min_calls
            return
