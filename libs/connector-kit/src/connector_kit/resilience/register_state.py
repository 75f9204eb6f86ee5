"""What we know about a register right now: one value in one row, changed under the row's lock.

Invariants: asking changes nothing (`callable_now`); only a call that really goes takes a slot, part of the quota, or
the probe; each call's outcome is recorded once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from wanderamt.kernel.decision import Paused

from connector_kit.call_outcome import (
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
    was_asked,
)
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.circuit_breaker import (
    BreakerPhase,
    BreakerState,
    admit_calls,
    record_call,
    record_successes,
    release_probe,
)
from connector_kit.resilience.rate_limit import RateLimitState, backed_off, next_slots

PROBE_ALLOWANCE_S: Final = 5.0  # added to a call's timeout: waiting for its slot and storing its outcome
THROTTLED_S: Final = 1.0
EWMA_WEIGHT: Final = 0.1  # weight of the newest call in the moving average


@dataclass(frozen=True, slots=True)
class InFlightCall:
    """A call in progress in some process; after `expires_at` that process is presumed dead. `interactive`: an
    officer waits for it."""

    id: str
    expires_at: datetime
    interactive: bool = False


@dataclass(frozen=True, slots=True)
class RegisterState:
    """`suspended_reason`: why all calls stop until an operator resumes them. `latency_ewma_s`: typical duration of a
    call, an exponentially weighted moving average. `published_status`: the status in the last event;
    `status_version`: the number of events so far."""

    breaker: BreakerState = field(default_factory=BreakerState)
    rate_limit: RateLimitState = field(default_factory=RateLimitState)
    suspended_reason: str = ""
    latency_ewma_s: float = 0.0
    in_flight: tuple[InFlightCall, ...] = ()
    published_status: str = "up"
    status_version: int = 0


REGISTER_STATE: Final = TypeAdapter(RegisterState)


def callable_now(state: RegisterState, requested: int, manifest: Manifest, *, now: datetime) -> int | Paused:
    """How many of `requested` calls could go now. Reserves nothing."""
    _, slots = acquire(state, requested, manifest, now=now)
    return slots if isinstance(slots, Paused) else len(slots)


def acquire(
    state: RegisterState, requested: int, manifest: Manifest, *, now: datetime
) -> tuple[RegisterState, Sequence[datetime] | Paused]:
    """Reserves a start time for each of up to `requested` calls; or says why none may go, and changes nothing."""
    if state.suspended_reason:
        return state, Paused(state.suspended_reason, retry_after_s=5.0)
    breaker, admitted = admit_calls(state.breaker, requested, manifest.breaker, now=now, probe_s=_probe_s(manifest))
    if isinstance(admitted, Paused):
        return state, admitted
    rate_limit, slots = next_slots(
        state.rate_limit, admitted, manifest.limits, manifest.maintenance, zone=manifest.zone, now=now
    )
    if isinstance(slots, Paused):
        return state, slots
    return replace(state, breaker=breaker, rate_limit=rate_limit), slots


def free_slots(state: RegisterState, manifest: Manifest, *, interactive: bool, now: datetime) -> int:
    """How many more calls may run at the same time (bulkhead), over all processes."""
    limits = manifest.limits
    busy = sum(call.expires_at > now and call.interactive is interactive for call in state.in_flight)
    return (limits.interactive_slots if interactive else limits.background_slots) - busy


def mark_started(
    state: RegisterState, manifest: Manifest, id_: str, *, interactive: bool, now: datetime
) -> RegisterState:
    started = InFlightCall(id_, now + timedelta(seconds=_probe_s(manifest)), interactive)
    others = tuple(call for call in state.in_flight if call.expires_at > now and call.id != id_)
    return replace(state, in_flight=(*others, started))


def mark_finished(state: RegisterState, id_: str) -> RegisterState:
    return replace(state, in_flight=tuple(call for call in state.in_flight if call.id != id_))


def mark_many_started(state: RegisterState, manifest: Manifest, ids: Sequence[str], *, now: datetime) -> RegisterState:
    """For background calls."""
    until, new = now + timedelta(seconds=_probe_s(manifest)), set(ids)
    others = (call for call in state.in_flight if call.expires_at > now and call.id not in new)
    return replace(state, in_flight=(*others, *(InFlightCall(id_, until) for id_ in ids)))


def mark_many_finished(state: RegisterState, ids: Sequence[str], *, now: datetime) -> RegisterState:
    finished = set(ids)
    return replace(
        state, in_flight=tuple(call for call in state.in_flight if call.id not in finished and call.expires_at > now)
    )


def release(state: RegisterState, id_: str) -> RegisterState:
    """Gives back what a call reserved that was never made: its slot, and the probe if it was the probe."""
    return replace(mark_finished(state, id_), breaker=release_probe(state.breaker))


def record_outcome(
    state: RegisterState, manifest: Manifest, outcome: CallOutcome, *, took_s: float, now: datetime
) -> RegisterState:
    """What the outcome of one call says about the register."""
    if not was_asked(outcome):
        return replace(state, breaker=release_probe(state.breaker))
    rate_limit = state.rate_limit
    if isinstance(outcome, Throttled):
        rate_limit = backed_off(rate_limit, THROTTLED_S if outcome.after_s is None else outcome.after_s, now=now)
    return replace(
        state,
        breaker=record_call(
            state.breaker, manifest.breaker, failed=is_register_failure(outcome), took_s=took_s, now=now
        ),
        rate_limit=rate_limit,
        suspended_reason=f"authentication failed ({outcome.code})"
        if isinstance(outcome, AuthFailed)
        else state.suspended_reason,
        latency_ewma_s=took_s
        if not state.latency_ewma_s
        else state.latency_ewma_s + EWMA_WEIGHT * (took_s - state.latency_ewma_s),
    )


def record_outcomes(
    state: RegisterState, manifest: Manifest, calls: Sequence[tuple[CallOutcome, float]], *, now: datetime
) -> RegisterState:
    """As `record_outcome` for each (outcome, seconds). Successful calls are recorded in one step."""
    successes = [
        (outcome, took_s)
        for outcome, took_s in calls
        if was_asked(outcome) and not is_register_failure(outcome) and not isinstance(outcome, Throttled | AuthFailed)
    ]
    for outcome, took_s in calls:
        if (
            is_register_failure(outcome)
            or isinstance(outcome, Throttled | AuthFailed)
            or state.breaker.phase is not BreakerPhase.CLOSED
        ):
            state = record_outcome(state, manifest, outcome, took_s=took_s, now=now)
    if not successes or state.breaker.phase is not BreakerPhase.CLOSED:
        return state
    slow = sum(took_s >= manifest.breaker.slow_after_s for _, took_s in successes)
    latency_ewma_s = state.latency_ewma_s or successes[0][1]
    for _, took_s in successes:
        latency_ewma_s += EWMA_WEIGHT * (took_s - latency_ewma_s)
    breaker = record_successes(state.breaker, manifest.breaker, len(successes), slow=slow, now=now)
    return replace(state, breaker=breaker, latency_ewma_s=latency_ewma_s)


def is_register_failure(outcome: CallOutcome) -> bool:
    """Whether the outcome counts against the register's health. A wrong question or our own excess rate does not."""
    return was_asked(outcome) and isinstance(outcome, TemporarilyUnavailable | PossiblyExecuted | UnreadableResponse)


def _probe_s(manifest: Manifest) -> float:
    return manifest.longest_timeout_s + PROBE_ALLOWANCE_S
