"""The state of a register: asking reserves nothing, calling does, one row holds everything."""

from datetime import datetime, timedelta

import pytest
from connector_kit.call_outcome import (
    AuthFailed,
    CallOutcome,
    NotFound,
    PossiblyExecuted,
    Rejected,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.resilience.circuit_breaker import BreakerPhase
from connector_kit.resilience.register_state import REGISTER_STATE, RegisterState, acquire, callable_now, record_outcome
from wanderamt.kernel.decision import Paused


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


def after(manifest: Manifest, now: datetime, *outcomes: CallOutcome) -> RegisterState:
    state = RegisterState()
    for outcome in outcomes:
        state = record_outcome(state, manifest, outcome, took_s=0.5, now=now)
    return state


def test_asking_reserves_nothing_and_acquiring_does(manifest: Manifest, now: datetime) -> None:
    state = RegisterState()
    assert callable_now(state, 3, manifest, now=now) == 3
    state, slots = acquire(state, 3, manifest, now=now)
    assert not isinstance(slots, Paused)
    assert len(slots) == 3
    assert callable_now(state, 10, manifest, now=now) == 3  # the rest of this second


def test_asking_does_not_use_the_probe(manifest: Manifest, now: datetime) -> None:
    state, later = after(manifest, now, *[PossiblyExecuted("no_answer")] * 10), now + timedelta(seconds=30)
    for _ in range(5):
        assert callable_now(state, 4, manifest, now=later) == 1
    state, _ = acquire(state, 4, manifest, now=later)
    assert state.breaker.phase is BreakerPhase.HALF_OPEN
    assert isinstance(callable_now(state, 4, manifest, now=later), Paused)


@pytest.mark.parametrize(
    ("outcome", "phase"),
    [
        (TemporarilyUnavailable("f501"), BreakerPhase.OPEN),
        (PossiblyExecuted("no_answer"), BreakerPhase.OPEN),
        (UnreadableResponse("html"), BreakerPhase.OPEN),
        (NotFound(), BreakerPhase.CLOSED),
        (Rejected("f430"), BreakerPhase.CLOSED),
        (Throttled(1), BreakerPhase.CLOSED),
    ],
)
def test_only_the_register_s_own_failures_count(
    manifest: Manifest, now: datetime, outcome: CallOutcome, phase: BreakerPhase
) -> None:
    assert after(manifest, now, *[outcome] * 12).breaker.phase is phase


def test_failed_authentication_waits_for_an_operator(manifest: Manifest, now: datetime) -> None:
    state = after(manifest, now, AuthFailed("f490"), NotFound())
    _, pause = acquire(state, 1, manifest, now=now + timedelta(days=1))
    assert pause == Paused("authentication failed (f490)", retry_after_s=5.0)


def test_latency_is_averaged(manifest: Manifest, now: datetime) -> None:
    state = after(manifest, now, NotFound())
    assert state.latency_ewma_s == 0.5
    assert 0.5 < record_outcome(state, manifest, NotFound(), took_s=10, now=now).latency_ewma_s < 2


def test_the_state_survives_serialisation(manifest: Manifest, now: datetime) -> None:
    state, _ = acquire(after(manifest, now, *[PossiblyExecuted("no_answer")] * 10, Throttled(3)), 1, manifest, now=now)
    assert REGISTER_STATE.validate_python(REGISTER_STATE.dump_python(state, mode="json")) == state
