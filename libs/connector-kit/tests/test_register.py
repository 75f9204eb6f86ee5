"""What is known of a register: looking takes nothing, calling takes its moment, a row holds all of it."""

from datetime import datetime, timedelta

import pytest
from connector_kit.breaker import Phase
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.register import STATE, RegisterState, learned, may_go_now, reserve
from connector_kit.verdict import AuthFailed, Malformed, NotFound, Rejected, RetryLater, Throttled, Unknown, Verdict
from wanderamt.kernel.decision import Pause


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


def after(manifest: Manifest, now: datetime, *verdicts: Verdict) -> RegisterState:
    state = RegisterState()
    for verdict in verdicts:
        state = learned(state, manifest, verdict, took_s=0.5, now=now)
    return state


def test_looking_takes_nothing_and_calling_does(manifest: Manifest, now: datetime) -> None:
    state = RegisterState()
    assert may_go_now(state, 3, manifest, now=now) == 3
    state, given = reserve(state, 3, manifest, now=now)
    assert not isinstance(given, Pause)
    assert len(given) == 3
    assert may_go_now(state, 10, manifest, now=now) == 3  # what is left of this second


def test_the_one_probe_is_not_spent_by_looking(manifest: Manifest, now: datetime) -> None:
    state, later = after(manifest, now, *[Unknown("no_answer")] * 10), now + timedelta(seconds=30)
    for _ in range(5):
        assert may_go_now(state, 4, manifest, now=later) == 1
    state, _ = reserve(state, 4, manifest, now=later)
    assert state.breaker.phase is Phase.PROBING
    assert isinstance(may_go_now(state, 4, manifest, now=later), Pause)


@pytest.mark.parametrize(
    ("verdict", "phase"),
    [
        (RetryLater("f501"), Phase.OPEN),
        (Unknown("no_answer"), Phase.OPEN),
        (Malformed("html"), Phase.OPEN),
        (NotFound(), Phase.CLOSED),
        (Rejected("f430"), Phase.CLOSED),
        (Throttled(1), Phase.CLOSED),
    ],
)
def test_only_what_the_register_did_wrong_counts_against_it(
    manifest: Manifest, now: datetime, verdict: Verdict, phase: Phase
) -> None:
    assert after(manifest, now, *[verdict] * 12).breaker.phase is phase


def test_who_is_not_let_in_waits_for_an_operator(manifest: Manifest, now: datetime) -> None:
    state = after(manifest, now, AuthFailed("f490"), NotFound())
    _, pause = reserve(state, 1, manifest, now=now + timedelta(days=1))
    assert pause == Pause("not let in (f490)", look_again_s=5.0)


def test_what_a_call_takes_is_known(manifest: Manifest, now: datetime) -> None:
    state = after(manifest, now, NotFound())
    assert state.typical_s == 0.5
    assert 0.5 < learned(state, manifest, NotFound(), took_s=10, now=now).typical_s < 2


def test_a_row_holds_all_of_it(manifest: Manifest, now: datetime) -> None:
    state, _ = reserve(after(manifest, now, *[Unknown("no_answer")] * 10, Throttled(3)), 1, manifest, now=now)
    assert STATE.validate_python(STATE.dump_python(state, mode="json")) == state
