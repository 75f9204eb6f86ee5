"""How the messages of a channel are divided among its providers: by weight. Pure.

A failing provider loses weight, and regains it step by step. The steps are those of GOV.UK Notify since 2020 (10 points
down while it fails, 10 points up in each 5 healthy minutes), for any number of providers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

STEP: Final = 10.0
FAILURE_THRESHOLD: Final = 0.1  # share of failed calls in the window of the circuit breaker
REDUCTION_INTERVAL: Final = timedelta(minutes=1)
MIN_RATIO: Final = 1e-9  # weight 0 has no ratio: used where capacity that is left over is divided


@dataclass(frozen=True, slots=True)
class TrafficWeight:
    """`current` of `configured` points are in use; `changed_at`: when `current` changed last."""

    configured: float
    current: float
    changed_at: datetime | None = None

    @classmethod
    def full(cls, configured: float) -> "TrafficWeight":
        return cls(configured, configured)

    def configured_as(self, configured: float) -> "TrafficWeight":
        """A weight that changed in the settings takes effect at once."""
        return self if self.configured == configured else TrafficWeight.full(configured)


def rebalance(
    weight: TrafficWeight, *, failure_rate: float, breaker_open: bool, rebalance_interval: timedelta, now: datetime
) -> TrafficWeight:
    """The weight after a call. `failure_rate`: share of failed calls in the window.

    `rebalance_interval`: how long the provider must be healthy to regain one step.
    """
    lowest = min(weight.configured, STEP)
    if breaker_open:
        return weight if weight.current <= lowest else replace(weight, current=lowest, changed_at=now)
    since = now - weight.changed_at if weight.changed_at else None
    if failure_rate >= FAILURE_THRESHOLD:
        if since is not None and since < REDUCTION_INTERVAL:
            return weight
        return replace(weight, current=max(lowest, weight.current - STEP), changed_at=now)
    if weight.current >= weight.configured or since is None:
        return weight
    if steps := int(since / rebalance_interval):
        return replace(weight, current=min(weight.configured, weight.current + steps * STEP), changed_at=now)
    return weight


def apportion(wanted: int, weights: Mapping[str, float], capacity: Mapping[str, int]) -> dict[str, int]:
    """How many of `wanted` messages each provider gets: by weight, as far as its capacity allows.

    Largest remainder method (Hamilton); what a full provider cannot take goes to the others.
    """
    shares = dict.fromkeys(weights, 0)
    left = min(wanted, sum(capacity.get(name, 0) for name in weights))
    while left > 0:
        free = {name: max(value, MIN_RATIO) for name, value in weights.items() if shares[name] < capacity.get(name, 0)}
        total = sum(free.values())
        exact = {name: left * value / total for name, value in free.items()}
        for name, value in exact.items():
            shares[name] += min(int(value), capacity[name] - shares[name])
        still_left = min(wanted, sum(capacity.get(name, 0) for name in weights)) - sum(shares.values())
        if still_left == left:  # less than one message for each: by the largest remainder
            for name in sorted(exact, key=lambda name: -exact[name])[:left]:
                shares[name] += 1
            still_left = min(wanted, sum(capacity.get(name, 0) for name in weights)) - sum(shares.values())
        left = still_left
    return shares


def round_robin(shares: Mapping[str, int]) -> Sequence[str]:
    """Each name as often as its share, evenly mixed: a burst uses all providers from its first message on."""
    places = sorted((number / (count + 1), name) for name, count in shares.items() for number in range(1, count + 1))
    return [name for _, name in places]
