"""What follows from an outcome: nothing that may have happened is repeated unless that is harmless."""

import pytest
from connector_kit.manifest import Effect, Kind, Operation
from connector_kit.policy import SCHEDULE_S, Beat, Ended, ForHuman, after, later, next_beat
from connector_kit.verdict import (
    NO_CODE,
    Ambiguous,
    AuthFailed,
    Malformed,
    NotDone,
    NotFound,
    Rejected,
    RetryLater,
    Throttled,
    Unknown,
    Verdict,
    code_of,
)
from hypothesis import given
from hypothesis import strategies as st
from wanderamt.kernel.decision import Attempt, Retry
from wanderamt.kernel.decision import Unknown as MayHaveHappened

FIRST, AGAIN = Attempt(1, interrupted=False), Attempt(2, interrupted=True)


def order(effect: Effect) -> Operation:
    return Operation(
        kind=Kind.COMMAND, effect=effect, question="Order", timeout_s=10, deadline_s=3600, purposes=("parking",)
    )


@pytest.mark.parametrize(
    ("effect", "step"),
    [
        (Effect.NATURAL, Beat.CALL),
        (Effect.KEY, Beat.CALL),
        (Effect.PROBE, Beat.PROBE),
        (Effect.UNSAFE, ForHuman("interrupted")),
    ],
)
def test_after_a_crash_it_depends_on_the_effect_what_is_done(effect: Effect, step: Beat | ForHuman) -> None:
    assert next_beat(order(effect), FIRST) is Beat.CALL
    assert next_beat(order(effect), AGAIN) == step


@pytest.mark.parametrize("verdict", [Unknown("timeout"), Malformed("html")])
def test_what_may_have_happened_is_looked_up_or_goes_to_a_human(verdict: Verdict) -> None:
    assert isinstance(after(order(Effect.KEY), verdict, FIRST), Retry)
    assert isinstance(after(order(Effect.PROBE), verdict, FIRST), MayHaveHappened)
    assert after(order(Effect.UNSAFE), verdict, FIRST) == ForHuman(verdict.code)  # type: ignore[union-attr]


@pytest.mark.parametrize("verdict", [NotFound(), Rejected("f430"), Ambiguous(5)])
def test_an_answer_is_one(verdict: Verdict) -> None:
    assert after(order(Effect.UNSAFE), verdict, FIRST) == Ended(verdict)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [RetryLater("f501"), Throttled(), AuthFailed("f490")])
def test_what_surely_did_not_happen_is_tried_again_whatever_the_effect(verdict: Verdict) -> None:
    for effect in Effect:
        assert isinstance(after(order(effect), verdict, FIRST), Retry)


@pytest.mark.parametrize("verdict", [RetryLater("http_503"), Throttled(), AuthFailed("f490"), Unknown("no_answer")])
def test_a_probe_without_an_answer_leaves_it_open_whether_the_order_happened(verdict: Verdict) -> None:
    step = after(order(Effect.PROBE), verdict, AGAIN, beat=Beat.PROBE)
    assert isinstance(step, MayHaveHappened)
    assert after(order(Effect.PROBE), NotDone(), AGAIN, beat=Beat.PROBE) == Retry(0.0, "not_done")


def test_a_register_that_says_when_is_believed() -> None:
    assert after(order(Effect.UNSAFE), Throttled(7), FIRST) == Retry(7, "throttled")
    assert after(order(Effect.UNSAFE), RetryLater("f501", 0), FIRST) == Retry(0, "f501")


def test_tries_become_rarer_and_never_end() -> None:
    assert [later(Attempt(n, interrupted=False)) for n in (1, 2, 5, 100)] == [30, 120, 3600, SCHEDULE_S[-1]]


@given(st.text())
def test_a_code_is_a_word_and_never_a_sentence(text: str) -> None:
    code = code_of(text)
    assert 0 < len(code) <= 40
    assert code.isascii()
    assert not any(sign.isspace() for sign in code)


def test_codes_are_those_of_the_register() -> None:
    assert code_of("soap:Server.F501") == "server.f501"
    assert code_of("No person called Zoë Hadžić, born 1990-04-01") == NO_CODE
    assert code_of(None) == NO_CODE
