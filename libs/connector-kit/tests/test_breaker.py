"""The breaker: opens on failures and on slowness, lets one probe out, and forgets."""

from datetime import datetime, timedelta

from connector_kit.breaker import Breaker, Phase, after_call, in_window, may_go
from connector_kit.manifest import Breaking
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Pause

RULES = Breaking(
    window_s=60, min_calls=10, failure_share=0.5, slow_after_s=5, slow_share=0.8, open_s=30, open_at_most_s=100
)
PROBE_S = 15.0


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def called(breaker: Breaker, *outcomes: bool, now: datetime, took_s: float = 0.1) -> Breaker:
    for failed in outcomes:
        breaker = after_call(breaker, RULES, failed=failed, took_s=took_s, now=now)
    return breaker


def allowed(breaker: Breaker, now: datetime, wanted: int = 20) -> tuple[Breaker, int | Pause]:
    return may_go(breaker, wanted, RULES, now=now, probe_s=PROBE_S)


def test_it_opens_when_every_second_call_fails(now: datetime) -> None:
    """The count of failures in a row, which others use, would never see this one."""
    breaker = called(Breaker(), *[False, True] * 4, False, now=now)
    assert breaker.phase is Phase.CLOSED
    breaker = called(breaker, True, now=now)
    assert breaker.phase is Phase.OPEN
    _, pause = allowed(breaker, now)
    assert isinstance(pause, Pause)
    assert pause.look_again_s == 30


def test_few_calls_say_nothing(now: datetime) -> None:
    assert called(Breaker(), *[True] * 9, now=now).phase is Phase.CLOSED


def test_it_opens_when_the_register_is_slow_without_failing(now: datetime) -> None:
    breaker = called(Breaker(), *[False] * 9, now=now, took_s=6)
    assert breaker.phase is Phase.CLOSED
    assert called(breaker, False, now=now, took_s=6).phase is Phase.OPEN


def test_twenty_that_ask_at_the_same_time_get_one_probe(now: datetime) -> None:
    breaker = called(Breaker(), *[True] * 10, now=now)
    later = now + seconds(30)
    gone = 0
    for _ in range(20):
        breaker, answer = allowed(breaker, later)
        gone += answer if isinstance(answer, int) else 0
    assert gone == 1
    assert breaker.phase is Phase.PROBING


def test_a_probe_that_answers_closes_it_and_one_that_fails_doubles_the_pause(now: datetime) -> None:
    breaker, _ = allowed(called(Breaker(), *[True] * 10, now=now), now + seconds(30))
    assert called(breaker, False, now=now).phase is Phase.CLOSED
    pauses = []
    for _ in range(4):
        later = now + seconds(10_000)
        breaker = called(breaker, True, now=later)
        _, pause = allowed(breaker, later)
        assert isinstance(pause, Pause)
        pauses.append(pause.look_again_s)
        breaker, one = allowed(breaker, later + seconds(pause.look_again_s))
        assert one == 1
    assert pauses == [60, 100, 100, 100]


def test_a_probe_whose_process_died_is_given_up(now: datetime) -> None:
    breaker, _ = allowed(called(Breaker(), *[True] * 10, now=now), now + seconds(30))
    breaker, waits = allowed(breaker, now + seconds(30 + PROBE_S - 1))
    assert isinstance(waits, Pause)
    breaker, lost = allowed(breaker, now + seconds(30 + PROBE_S))
    assert isinstance(lost, Pause)
    assert breaker.phase is Phase.OPEN


def test_calls_on_their_way_when_it_opened_teach_nothing(now: datetime) -> None:
    opened = called(Breaker(), *[True] * 10, now=now)
    assert called(opened, True, False, now=now) == opened


def test_nobody_wants_to_call_and_no_probe_is_spent(now: datetime) -> None:
    opened = called(Breaker(), *[True] * 10, now=now)
    breaker, answer = allowed(opened, now + seconds(60), wanted=0)
    assert (breaker, answer) == (opened, 0)


def test_what_was_long_ago_is_forgotten(now: datetime) -> None:
    breaker = called(Breaker(), *[True] * 9, now=now)
    assert in_window(breaker, RULES, now=now + seconds(29)).failures == 9
    assert 0 < in_window(breaker, RULES, now=now + seconds(45)).failures < 9
    assert in_window(breaker, RULES, now=now + seconds(60)).failures == 0
    assert called(breaker, True, now=now + seconds(61)).phase is Phase.CLOSED


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20), st.floats(0, 40)), max_size=80))
def test_it_is_open_only_after_a_window_that_says_so(calls: list[tuple[bool, float, float]]) -> None:
    at = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    breaker = Breaker()
    for seen, (failed, took_s, pause_s) in enumerate(calls, 1):
        at += seconds(pause_s)
        before = breaker.phase
        breaker = after_call(breaker, RULES, failed=failed, took_s=took_s, now=at)
        if before is Phase.CLOSED and breaker.phase is Phase.OPEN:
            assert seen >= RULES.min_calls
            return
