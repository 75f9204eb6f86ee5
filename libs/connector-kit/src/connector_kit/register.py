"""A register as we know it at this moment: one value that stands in one row, changed under the row's lock.

Kept true: looking costs nothing (`may_go_now` changes nothing), only what is really called takes a moment, a place in
the quota or the probe; whatever a call teaches is learned once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from wanderamt.kernel.decision import Pause

from connector_kit.breaker import Breaker, Phase, after_call, after_good_calls, may_go, probe_given_back
from connector_kit.manifest import Manifest
from connector_kit.pacing import Pace, held, moments
from connector_kit.verdict import AuthFailed, Malformed, RetryLater, Throttled, Unknown, Verdict

PROBE_ALLOWANCE_S: Final = 5.0  # to a call's timeout: waiting for its moment and writing its outcome
THROTTLED_S: Final = 1.0
LEARNS: Final = 0.1  # how much the newest call counts in what a call typically takes


@dataclass(frozen=True, slots=True)
class Running:
    """A call under way in some process; after `until` that process is gone. `counter`: somebody waits for it."""

    id: str
    until: datetime
    counter: bool = False


@dataclass(frozen=True, slots=True)
class RegisterState:
    """`paused`: why nothing goes until an operator has looked. `typical_s`: what a call takes these days.

    `told`: the sky that was told last; `version`: how often one was.
    """

    breaker: Breaker = field(default_factory=Breaker)
    pace: Pace = field(default_factory=Pace)
    paused: str = ""
    typical_s: float = 0.0
    running: tuple[Running, ...] = ()
    told: str = "fair"
    version: int = 0


STATE: Final = TypeAdapter(RegisterState)


def may_go_now(state: RegisterState, wanted: int, manifest: Manifest, *, now: datetime) -> int | Pause:
    """How many of `wanted` calls could go. Takes nothing."""
    _, given = reserve(state, wanted, manifest, now=now)
    return given if isinstance(given, Pause) else len(given)


def reserve(
    state: RegisterState, wanted: int, manifest: Manifest, *, now: datetime
) -> tuple[RegisterState, Sequence[datetime] | Pause]:
    """A moment for each of up to `wanted` calls, which are then taken; or why none may go, and nothing is.

    A pause may change the state too: a probe that never ended is given up by whoever looks next, and must be kept.
    """
    if state.paused:
        return state, Pause(state.paused, look_again_s=5.0)
    breaker, may = may_go(state.breaker, wanted, manifest.breaker, now=now, probe_s=_probe_s(manifest))
    if isinstance(may, Pause):
        return replace(state, breaker=breaker), may
    pace, given = moments(state.pace, may, manifest.limits, manifest.maintenance, zone=manifest.zone, now=now)
    if isinstance(given, Pause):
        return state, given
    return replace(state, breaker=breaker, pace=pace), given


def room(state: RegisterState, manifest: Manifest, *, counter: bool, now: datetime) -> int:
    """How many more calls may be under way at the same time, in all processes together."""
    limits = manifest.limits
    under_way = sum(one.until > now and one.counter is counter for one in state.running)
    return (limits.for_counter if counter else limits.for_cases) - under_way


def begun(state: RegisterState, manifest: Manifest, id_: str, *, counter: bool, now: datetime) -> RegisterState:
    running = Running(id_, now + timedelta(seconds=_probe_s(manifest)), counter)
    others = tuple(one for one in state.running if one.until > now and one.id != id_)
    return replace(state, running=(*others, running))


def ended(state: RegisterState, id_: str) -> RegisterState:
    return replace(state, running=tuple(one for one in state.running if one.id != id_))


def begun_many(state: RegisterState, manifest: Manifest, ids: Sequence[str], *, now: datetime) -> RegisterState:
    """Of calls nobody waits for at a counter."""
    until, new = now + timedelta(seconds=_probe_s(manifest)), set(ids)
    others = (one for one in state.running if one.until > now and one.id not in new)
    return replace(state, running=(*others, *(Running(id_, until) for id_ in ids)))


def ended_many(state: RegisterState, ids: Sequence[str], *, now: datetime) -> RegisterState:
    over = set(ids)
    return replace(state, running=tuple(one for one in state.running if one.id not in over and one.until > now))


def not_called(state: RegisterState, id_: str) -> RegisterState:
    """What was taken for a call that then did not go: its place, and the probe if it was one."""
    return replace(ended(state, id_), breaker=probe_given_back(state.breaker))


def learned(
    state: RegisterState, manifest: Manifest, verdict: Verdict, *, took_s: float, now: datetime
) -> RegisterState:
    """What a call that ended so teaches about the register."""
    pace = state.pace
    if isinstance(verdict, Throttled):
        pace = held(pace, THROTTLED_S if verdict.after_s is None else verdict.after_s, now=now)
    return replace(
        state,
        breaker=after_call(state.breaker, manifest.breaker, failed=failed(verdict), took_s=took_s, now=now),
        pace=pace,
        paused=f"not let in ({verdict.code})" if isinstance(verdict, AuthFailed) else state.paused,
        typical_s=took_s if not state.typical_s else state.typical_s + LEARNS * (took_s - state.typical_s),
    )


def learned_many(
    state: RegisterState, manifest: Manifest, ended: Sequence[tuple[Verdict, float]], *, now: datetime
) -> RegisterState:
    """The same as `learned` of each: (verdict, seconds). Those that went well are learned in one step."""
    well = [one for one in ended if not failed(one[0]) and not isinstance(one[0], Throttled | AuthFailed)]
    for verdict, took_s in ended:
        if failed(verdict) or isinstance(verdict, Throttled | AuthFailed) or state.breaker.phase is not Phase.CLOSED:
            state = learned(state, manifest, verdict, took_s=took_s, now=now)
    if not well or state.breaker.phase is not Phase.CLOSED:
        return state
    slow = sum(took_s >= manifest.breaker.slow_after_s for _, took_s in well)
    typical_s = state.typical_s or well[0][1]
    for _, took_s in well:
        typical_s += LEARNS * (took_s - typical_s)
    breaker = after_good_calls(state.breaker, manifest.breaker, len(well), slow=slow, now=now)
    return replace(state, breaker=breaker, typical_s=typical_s)


def failed(verdict: Verdict) -> bool:
    """Whether it says something against the register's health. A wrong question or our own haste does not."""
    return isinstance(verdict, RetryLater | Unknown | Malformed)


def _probe_s(manifest: Manifest) -> float:
    return manifest.longest_timeout_s + PROBE_ALLOWANCE_S
